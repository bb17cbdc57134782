#!/usr/bin/env bash
# A world from one GPU in ten minutes: records CoinRun, trains the video tokenizer, then the world, and measures it, in
# one command that ends in time. Made for a machine with Python 3.12, PyTorch, Transformers and Accelerate, but without
# network: .whl/packages.tar.xz, which one_gpu_packages.sh makes, brings the rest.
#   OUT=results benchmarks/one_gpu.sh
# Whatever happens, OUT then holds what there is: log.txt, metrics.json, evaluation.png, runs.tar.gz (metrics and
# pictures of the training, the GPU's load) and the pipeline in pieces under 16 MB:
#   cat results/pipeline.tar.* | tar x
# A try on any machine, in three minutes:
#   RECIPE=pipelines/tiny RECORDINGS='data/tiny --levels 0:4 --steps 100' EVALUATE='--data data/tiny --clips 8' \
#       TOTAL_SECONDS=180 OUT=results benchmarks/one_gpu.sh
set -euo pipefail

OUT=${OUT:?name the folder for the results}
TOTAL_SECONDS=${TOTAL_SECONDS:-595}
RECIPE=${RECIPE:-pipelines/coinrun-gpu}     # a folder in the repository; the results have the same path
# One recording a line, all made at the same time: its folder, as the recipe names it, and the options of `genie-hf
# record coinrun`; by default what the recipe's first lines say
RECORDINGS=${RECORDINGS:-}
RECORD_SECONDS=${RECORD_SECONDS:-80}       # for all recordings; one that is cut short keeps its finished shards
EVALUATE=${EVALUATE:-}                     # more options of `genie-hf evaluate`
# In place of training and measuring: what else to run on the recordings, one command of Python's a line, after the
# seconds that it may take; paths are as in the repository, and $OUT is known
COMMANDS=${COMMANDS:-}
COLLECT_SECONDS=20
PACKAGES=${PACKAGES:-.whl/packages.tar.xz} # empty: everything is installed
WORK=${WORK:-/tmp/one-gpu}

say() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

left() { echo $((TOTAL_SECONDS - COLLECT_SECONDS - SECONDS)); }

# within SECONDS COMMAND...: the command, interrupted after this time and in any case before the end
within() {
    local limit=$1
    shift
    ((limit < $(left))) || limit=$(left)
    if ((limit < 1)); then
        say "no time is left for: $*"
        return 124
    fi
    timeout --signal=INT --kill-after=10 "$limit" "$@"
}

genie() { within "$1" "$python" -m genie_hf.cli "${@:2}"; }

install() {
    say "installing the packages"
    python=$(command -v "${PYTHON:-python3}")
    export PYTHONPATH=$PWD/src HF_HOME=$WORK/huggingface HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1 TQDM_MININTERVAL=5
    [[ $PACKAGES ]] || return 0
    mkdir -p "$WORK/site"
    "$python" -m tarfile --filter data -e "$PACKAGES" "$WORK/site"
    export PYTHONPATH=$WORK/site:$PYTHONPATH
    local known
    known=$(ldconfig -p)
    for library in "$WORK"/site/lib/*; do # the system's own are better
        [[ $known != *"${library##*/} "* ]] || rm "$library"
    done
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$WORK/site/lib
}

# A step of every stage on a few frames, while the recordings leave the GPU idle. What PyTorch compiles for it lies in
# its cache when the training asks for it.
warm_up() {
    genie 60 record coinrun data/warm-up --levels 0:12 --steps 100
    genie 120 train "$RECIPE" --data data/warm-up --output warm-up --max-minutes 0.01 --cache-codes
    say "warmed up"
}

record() {
    say "recording"
    local recordings=()
    while read -r folder options; do
        # shellcheck disable=SC2086  # options are words
        { within "$RECORD_SECONDS" nice "$python" -m genie_hf.cli record coinrun "$folder" $options </dev/null ||
            say "$folder is not complete"; } &
        recordings+=($!)
    done <<<"$RECORDINGS"
    wait "${recordings[@]}"
    du -ch data/*/* | tail -5 || true
}

run_commands() {
    rm -r pipelines
    ln -s "$REPOSITORY"/{benchmarks,pipelines,tests} .
    local limit command
    while read -r limit command; do
        say "$command"
        # shellcheck disable=SC2086  # a command is words
        within "$limit" "$python" ${command//'$OUT'/$OUT} </dev/null || say "stopped: $command"
    done <<<"$COMMANDS"
}

collect() {
    local status=$?
    trap - EXIT
    say "collecting the results (status $status)"
    [[ ! $monitor ]] || kill "$monitor" || true
    cd "$WORK"
    if [[ $COMMANDS ]]; then
        exit "$status"
    fi
    cp "$RECIPE"/{metrics.json,evaluation.png} "$OUT" 2>/dev/null || true
    tar --create --gzip --file "$OUT/runs.tar.gz" --exclude='checkpoint*' --exclude='codes*' \
        "$RECIPE/runs" gpu.csv warm-up.log || true
    tar --create --exclude="$RECIPE/runs" "$RECIPE" |
        split --bytes=15000000 --numeric-suffixes --suffix-length=1 - "$OUT/pipeline.tar." || true
    ls -l "$OUT"
    say "done"
    exit "$status"
}

main() {
    trap collect EXIT
    say "$(nproc) cores, $(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null || echo 'no GPU')"
    install
    cd "$WORK"
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv --loop=5 \
            >gpu.csv &
        monitor=$!
    fi
    [[ $COMMANDS ]] || warm_up </dev/null >warm-up.log 2>&1 &
    record
    if [[ $COMMANDS ]]; then
        run_commands
        return
    fi
    say "training"
    genie "$(left)" train "$RECIPE" --cache-codes
    say "measuring"
    # shellcheck disable=SC2086
    genie "$(left)" evaluate "$RECIPE" $EVALUATE
}

mkdir -p "$OUT"
OUT=$(realpath "$OUT")
cd "$(dirname "$0")/.."
REPOSITORY=$PWD
rm -rf "$WORK"
mkdir -p "$WORK"
WORK=$(realpath "$WORK")
cp --parents pipelines/*/*.yaml "$WORK"
[[ $RECORDINGS ]] || RECORDINGS=$(sed -n 's/^# *genie-hf record coinrun //p' "$RECIPE/recipe.yaml")
monitor=
main 2>&1 | tee "$OUT/log.txt"
