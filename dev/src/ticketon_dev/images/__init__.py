"""Images of this project's parts, from the same Dockerfiles on every machine.

The pure half: `recipes` (what each image is made of), `dependencies` (which locked packages a part needs). The thin
half: `site` (uv), `bases` (mmdebstrap), `engines` (buildah, or docker's buildx), `jars` (Maven). `making` puts them in
order; `references` tells other commands what came out. Run it as `python -m ticketon_dev.images [NAME …]`.
"""
