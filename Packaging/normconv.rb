# For a tap of your own: set homepage, url and sha256 to where the release's source archive is.
class Normconv < Formula
  desc "Swap batch norms of pretrained networks for group norms and score the result"
  homepage "https://example.org/normconv"
  url "https://example.org/normconv/normconv-0.2.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "Apache-2.0"

  depends_on "pkgconf" => :build
  depends_on xcode: ["26.0", :build]
  depends_on "hdf5"
  depends_on "jpeg-turbo"
  depends_on "libspng"
  depends_on macos: :sequoia
  depends_on "onednn"

  uses_from_macos "python" => :build
  uses_from_macos "swift" => :build
  uses_from_macos "zlib"

  def install
    ENV["DNNL_ROOT"] = Formula["onednn"].opt_prefix
    flags = Utils.safe_popen_read("scripts/swift-flags").split
    flags << (OS.mac? ? "--disable-sandbox" : "--static-swift-stdlib")
    system "swift", "build", "-c", "release", "--product", "normconv", *flags
    bin.install ".build/release/normconv"
    (man1/"normconv.1").write Utils.safe_popen_read("scripts/man-page", bin/"normconv")
    generate_completions_from_executable(bin/"normconv", "--generate-completion-script")
    pkgshare.install "Fixtures/mnist-resnet.keras3.h5", "Fixtures/mnist-test.h5"
  end

  test do
    network = pkgshare/"mnist-resnet.keras3.h5"
    system bin/"normconv", "convert", network, "gn.h5", "--groups", "size:8", "--ws", "off"
    output = shell_output("#{bin}/normconv eval gn.h5 --data #{pkgshare}/mnist-test.h5 --against #{network}")
    assert_match(/top-1 +95\.\d %/, output)
  end
end
