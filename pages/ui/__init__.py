"""What pages share; a folder for each page that has many parts."""
