"""What authors do: from a source folder to a sealed function that is deployed, and its keys."""
