# A base image where there is a container engine: Debian with the packages of <name>/packages. Where there is no image
# registry, the same packages come by mmdebstrap (ticketon_dev/images/base.py), and everything above the base is the same.
FROM debian:bookworm-slim
ARG PACKAGES
# Postgres' package makes a cluster of its own unless told not to; Java's wants a folder that the slim image leaves out.
RUN mkdir -p /usr/share/man/man1 /usr/share/man/man7 /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${PACKAGES} \
 && rm -rf /var/lib/apt/lists/* \
 && echo 'ticketon:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd && echo 'ticketon:x:10001:' >> /etc/group
