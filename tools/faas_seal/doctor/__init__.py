"""The examination of a project: what keeps its functions from being sealed, deployed and called."""
