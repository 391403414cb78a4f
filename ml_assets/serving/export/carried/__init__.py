"""Files that are copied into a deployment package as they are: they run there, beside the model."""
