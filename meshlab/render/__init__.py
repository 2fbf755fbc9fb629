"""From the recorded program to every Kubernetes object that a stack stands for."""
