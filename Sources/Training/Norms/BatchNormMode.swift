/// What batch norms do while a network is trained.
package enum BatchNormMode: String, Sendable, CaseIterable, Codable {
    /// They normalize with the batch's statistics, and gamma and beta are trained: PyTorch's `train()`.
    case batch
    /// They normalize with the running statistics, and gamma and beta are trained: PyTorch's `eval()`.
    case running
    /// Nothing of them changes: torchvision's `FrozenBatchNorm2d`.
    case frozen
}
