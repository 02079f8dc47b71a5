import Foundation
import TestSupport
import Testing

@testable import Calibration
@testable import Conversion
@testable import NormConvKit
