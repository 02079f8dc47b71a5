import OrderedJSON

extension JSON {
    /// A model's configuration with the Python module of each layer, in models inside too, as `.keras` files name it. HDF5
    /// files name none, and Keras 3 finds no class of a `.keras` file without it. Records that name theirs stay.
    package var namingKerasModules: JSON { KerasModuleNames.named(self) }
}

private enum KerasModuleNames {
    static func named(_ record: JSON) -> JSON {
        guard let className = record["class_name"]?.string else { return record }
        var record = record
        if record["module"] == nil {
            let (name, module, registered) = names(className)
            record = record.setting("class_name", .string(name)).setting("module", module)
            if record["registered_name"] == nil { record = record.setting("registered_name", registered) }
        }
        return record.updating("config") { config in
            if let layers = config.array { return .array(layers.map(named)) }
            // Layers of models, and the layer of a wrapper as TimeDistributed.
            return config.updating("layers") { .array(($0.array ?? []).map(named)) }
                .updating("layer", named)
        }
    }

    /// The class alone, its module, and the name by which Keras finds it. A class of the user's own may be registered as
    /// `package>class`; else Keras looks among the custom objects, then in the module.
    private static func names(_ className: String) -> (name: String, module: JSON, registered: JSON) {
        if let place = className.lastIndex(of: ">") {
            return (String(className[className.index(after: place)...]), .null, .string(className))
        }
        return switch className {
        case "Functional": (className, .string("keras.src.models.functional"), .string(className))
        case "Sequential", "Model": (className, .string("keras"), .null)
        default:
            (
                className, .string("keras.layers"),
                KerasSettings.builders[className] == nil ? .string(className) : .null
            )
        }
    }
}
