"""Images of this project's parts, from the same Dockerfiles on every machine.

The pure half: `recipes` (what each image is made of), `dependencies` (which locked packages a part needs). The thin
half: `site` (uv), `bases` (mmdebstrap), `engines` (buildah, or docker's buildx). `making` puts them in order, and
`references` tells other commands what came out. `make images` comes here by way of `ticketon_dev.cluster`, which knows
where images are to go.
"""
