#!/usr/bin/env bash
# Packs what one_gpu.sh installs: the packages that a machine with Python 3.12, PyTorch, Transformers and Accelerate,
# but without network, still lacks for recording CoinRun, training and measuring. Run it on Linux with network, glibc
# not newer than that machine's:
#   benchmarks/one_gpu_packages.sh [FOLDER]     makes FOLDER/packages.tar.xz (about 37 MB; default .whl)
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-.whl}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
site=$work/site

echo "Fetching the packages, in the versions of constraints.txt ..."
"$python" -m pip wheel --quiet --no-deps --constraint constraints.txt --wheel-dir "$work/built" gym  # has no wheel
platforms=()
for platform in manylinux_2_28 manylinux_2_17 manylinux2014 manylinux1; do
    platforms+=(--platform "${platform}_x86_64")
done
"$python" -m pip install --quiet --no-deps --no-compile --constraint constraints.txt --target "$site" \
    --only-binary=:all: --implementation cp --python-version 3.12 "${platforms[@]}" --find-links "$work/built" \
    datasets dill multiprocess diffusers importlib_metadata lazy-importer \
    procgen-mirror gym3 gym gym-notices cffi pycparser

# Procgen opens the pictures of all its games at the start. Those that CoinRun never shows become small ones.
assets=$site/procgen/data/assets
rm -r "$assets/kenney-abstract" "$site/bin"
for picture in "$assets"/{topdown,water}_backgrounds/*.png; do
    cp "$assets/misc_assets/fishTile_072.png" "$picture"
done

# The system's libraries that Procgen's Qt needs: a bare machine may lack them.
mkdir "$site/lib"
ldd "$site/procgen/data/prebuilt/libenv.so" | while read -r name _ path _; do
    case $name in
        linux-vdso* | */ld-linux* | libc.so* | libm.so* | libdl.so* | libpthread.so* | librt.so* | libresolv.so* | \
            libstdc++* | libgcc_s*) ;; # glibc's and the compiler's are everywhere
        *)
            if [[ $path == not ]] || [[ ! -e $path ]]; then
                echo "This machine has no $name, which Procgen needs: install it (libgl1 and libglib2.0-0)." >&2
                exit 1
            fi
            [[ $path == "$site"/* || $path == */procgen_mirror.libs/* ]] || cp -L "$path" "$site/lib/$name"
            ;;
    esac
done

mkdir -p "$folder"
tar --create --directory "$site" --sort=name --owner=0 --group=0 --exclude=__pycache__ . | xz -9e >"$folder/packages.tar.xz"
ls -l "$folder/packages.tar.xz"
