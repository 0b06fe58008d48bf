from tierjit._cli import main

main(globals())
