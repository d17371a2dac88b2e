"""What a gateway is told beside faas-cli: code that is pushed to a function that runs."""
