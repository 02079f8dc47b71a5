/// The version of the library and the command.
package let normconvVersion = "0.1.0"
