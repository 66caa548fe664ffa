"""What other indexes have recorded of their files: upload times, uploaders, yanks. One module for each form."""
