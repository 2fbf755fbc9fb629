"""Whether a stack works on other minors of Kubernetes: brought up and down on embedded clusters of their own."""
