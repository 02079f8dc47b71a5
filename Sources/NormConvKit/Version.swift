/// The version of the library and the command.
public let normconvVersion = "0.2.0"
