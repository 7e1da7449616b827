"""The live installation: the loop that turns frames into answers, and the web server that shows them."""
