#!/usr/bin/env bash
# Build Dockerfile.arm64 on a machine of another kind, without Docker, and try the image.
#
#   make arm64                                   # on Debian or Ubuntu, as root
#   BUILD_ARGS="--build-arg ONNXRUNTIME=onnxruntime-gpu" IMAGE=edgeclip:jetson packaging/build-arm64.sh
#
# debootstrap makes the image that the Dockerfile begins FROM, under its very name; buildah builds,
# and qemu-user runs what is compiled for Arm.  Everything stays in build/arm64, which may be deleted
# at any moment.  Nothing that is measured under emulation is a speed.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-edgeclip:arm64}
REPORT=${REPORT:-benchmarks/arm64.md}
BUILD_ARGS=${BUILD_ARGS:-}
PYTHON=${PYTHON:-.venv/bin/python}
WORK=$PWD/build/arm64
ROOT=$WORK/debian
BASE=$(sed -n 's/^ARG BASE=//p' Dockerfile.arm64)
SUITE=${BASE#*:}
SUITE=${SUITE%-slim}
PUBLIC=http://deb.debian.org/debian
DRIVER=vfs  # it works everywhere, and copies everything
! grep -qw overlay /proc/filesystems || DRIVER=overlay

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
builder() { nice buildah --root "$WORK/storage-$DRIVER" --runroot "$WORK/run-$DRIVER" --storage-driver "$DRIVER" "$@"; }

tools() {
    [ "$(id -u)" = 0 ] || fail "make arm64 mounts and changes roots. Run it as root."
    local missing=()
    command -v buildah > /dev/null || missing+=(buildah)
    command -v debootstrap > /dev/null || missing+=(debootstrap)
    [ "$(uname -m)" = aarch64 ] || command -v qemu-aarch64-static > /dev/null \
        || missing+=(qemu-user-static)
    [ ${#missing[@]} = 0 ] || fail "needed: apt-get install -y ${missing[*]}"
    [ -x "$PYTHON" ] || fail "no $PYTHON. Run make test first, or give PYTHON."
    "$PYTHON" -c 'import edgeclip, hnswlib, skimage' \
        || fail "the checks compare with this machine's own edgeclip. Run make test first."
}

# Let the kernel start programs for Arm by qemu, also within another root (flag F).
emulation() {
    [ "$(uname -m)" = aarch64 ] && return
    local register=/proc/sys/fs/binfmt_misc
    [ -e $register/register ] || mount -t binfmt_misc none $register
    if [ -e $register/qemu-aarch64 ]; then
        grep -q '^flags:.*F' $register/qemu-aarch64 \
            || fail "qemu-aarch64 is registered without the flag F. Remove it: echo -1 > $register/qemu-aarch64"
        return
    fi
    local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":qemu-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:OCF" > $register/register
}

# A Debian as small as the public image: no docs, no manuals, no locales, public sources.
base() {
    if [ ! -e "$ROOT" ]; then
        say "debootstrap $SUITE (minutes)"
        local mirror
        mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' "Codename: $SUITE" | head -n 1)}
        rm -rf "$ROOT.partial"
        nice debootstrap --arch=arm64 --foreign --variant=minbase "$SUITE" "$ROOT.partial" \
            "${mirror:-$PUBLIC}"
        # The host's /sys is not mounted: onnxruntime reads the wrong processor there, and crashes.
        nice chroot "$ROOT.partial" /debootstrap/debootstrap --second-stage
        slim "$ROOT.partial"
        mv "$ROOT.partial" "$ROOT"
    fi
    builder inspect --type image "$BASE" > /dev/null 2>&1 && return
    say "$BASE"
    local container
    container=$(builder from --arch arm64 scratch)
    cp -a "$ROOT/." "$(builder mount "$container")/"
    builder config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$container"
    builder commit --quiet --rm "$container" "docker.io/library/$BASE"
}

slim() {
    printf 'path-exclude /usr/share/%s/*\n' doc info locale man > "$1/etc/dpkg/dpkg.cfg.d/slim"
    printf 'path-include /usr/share/doc/*/copyright\n' >> "$1/etc/dpkg/dpkg.cfg.d/slim"
    find "$1/usr/share/doc" ! -type d ! -name copyright -delete
    rm -rf "$1"/usr/share/{info,locale,man}/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* \
        "$1"/var/cache/debconf/* "$1"/var/log/* "$1"/etc/apt/sources.list "$1"/etc/hostname
    : > "$1/etc/resolv.conf"
    cat > "$1/etc/apt/sources.list.d/debian.sources" << SOURCES
Types: deb
URIs: $PUBLIC
Suites: $SUITE $SUITE-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $PUBLIC-security
Suites: $SUITE-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
}

# How this machine reaches Debian and PyPI is lent to the build, and is not in the image.
access() {
    local index extra
    "$PYTHON" -c 'import ssl; print(ssl.get_default_verify_paths().cafile or "")' > "$WORK/ca.path"
    cp "${PIP_CERT:-${SSL_CERT_FILE:-$(cat "$WORK/ca.path")}}" "$WORK/ca"
    index=$("$PYTHON" -m pip config get global.index-url 2> /dev/null || true)
    extra=$("$PYTHON" -m pip config get global.extra-index-url 2> /dev/null || true)
    {
        printf '[global]\ncert = /run/secrets/ca\ndisable-pip-version-check = true\n'
        printf 'retries = 10\ntimeout = 120\n'
        [ -z "${PIP_INDEX_URL:-$index}" ] || printf 'index-url = %s\n' "${PIP_INDEX_URL:-$index}"
        # Folders of this machine are not seen by the build.
        extra=$(grep -oE 'https?://[^ ]+' <<< "${PIP_EXTRA_INDEX_URL:-$extra}" | tr '\n' ' ' || true)
        [ -z "$extra" ] || printf 'extra-index-url = %s\n' "$extra"
    } > "$WORK/pip.conf"
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' "Created-By: Packages" \
        | grep -E " $SUITE(-updates|-security)?\$" | sort -u \
        | sed -E 's/^(.*) (.*)$/Types: deb\nURIs: \1\nSuites: \2\nComponents: main\nSigned-By: \/usr\/share\/keyrings\/debian-archive-keyring.gpg\n/' \
        > "$WORK/debian.sources"
    [ -s "$WORK/debian.sources" ] || cp "$ROOT/etc/apt/sources.list.d/debian.sources" "$WORK/"
}

image() {
    say "$IMAGE (a quarter of an hour at first)"
    # shellcheck disable=SC2086  # several words
    builder bud --pull-never --layers --arch arm64 --isolation chroot --format docker \
        --volume "$WORK/debian.sources:/etc/apt/sources.list.d/debian.sources:ro" \
        --secret "id=pip,src=$WORK/pip.conf" --secret "id=ca,src=$WORK/ca" \
        $BUILD_ARGS -f Dockerfile.arm64 -t "$IMAGE" .
}

# Run a command in the image as Docker would with --read-only: the root cannot be written, the user
# is the image's, /data is a volume and /tmp is in memory.  (buildah run can do neither.)
inside() {
    local cpu=$1
    shift
    QEMU_CPU=$cpu nice unshare --mount bash -euc '
        root=$1 work=$2
        shift 2
        mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount --bind "$work/data" "$root/data"
        mount --bind "$work/photos" "$root/photos" && mount -o remount,bind,ro "$root/photos"
        ! touch "$root/opt/written" 2> /dev/null || { echo "the root can be written" >&2; exit 1; }
        mapfile -t variables < "$work/environment"
        exec env -i QEMU_CPU="$QEMU_CPU" HOME=/data "${variables[@]}" \
            chroot --userspec="$(cat "$work/user")" "$root" "$@"
    ' inside "$MOUNTED" "$TRIAL" "$@"
}

# Keep what a command shows, and its exit code.
shown() {
    local name=$1 code=0
    shift
    say "$*"
    "$@" > "$TRIAL/$name.txt" 2> "$TRIAL/$name.err" || code=$?
    echo "$code" > "$TRIAL/$name.code"
    # Vectors are for programs.
    head --quiet --lines=40 "$TRIAL/$name.txt" "$TRIAL/$name.err" | cut -c 1-200 >&2
}

trial() {
    local container check=packaging/check_arm64.py cpu
    TRIAL=$WORK/trial
    rm -rf "$TRIAL"
    mkdir -p "$TRIAL/data" "$TRIAL/photos"
    container=$(builder from --pull-never "$IMAGE")
    MOUNTED=$(builder mount "$container")
    builder inspect --type image "$IMAGE" > "$TRIAL/image.json"
    "$PYTHON" packaging/report_arm64.py prepare "$TRIAL" "$MOUNTED"
    chown "$(cat "$TRIAL/user")" "$TRIAL/data"

    say "the image as a file, for docker load and podman load"
    rm -f "$WORK/${IMAGE/:/-}.tar"
    builder push --quiet "$IMAGE" "docker-archive:$WORK/${IMAGE/:/-}.tar:$IMAGE"
    shown vectors-here "$PYTHON" $check vectors "$TRIAL/photos"
    shown recall-here "$PYTHON" $check recall
    # The oldest core that is supported runs everything; newer ones have other instructions.
    shown doctor inside cortex-a53 edgeclip doctor
    shown verify inside cortex-a53 edgeclip verify starter
    shown index inside cortex-a53 edgeclip index /photos --model starter
    shown search inside cortex-a53 edgeclip search "a cat" "a rocket" --count 2
    shown recall inside cortex-a53 python - recall < $check
    for cpu in cortex-a53 cortex-a72 cortex-a76; do
        shown "vectors-$cpu" inside "$cpu" python - vectors /photos < $check
    done
}

mkdir -p "$WORK"
tools
trap 'builder rm --all > /dev/null' EXIT
emulation
base
access
image
trial
"$PYTHON" packaging/report_arm64.py report "$WORK" "$IMAGE" "$REPORT"
