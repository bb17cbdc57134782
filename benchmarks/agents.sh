#!/usr/bin/env bash
# What docs/agents.md shows of the bundled world, with fewer seeds and goals, within an hour on two CPU cores.
# `make agents` runs it; figures and pictures go to build/agents.
#   benchmarks/agents.sh --short   every step in minutes, with a tiny world of its own that is good for nothing
# GENIE_HF names the command, DATA and OUTPUT the folders of recordings and results.
set -euo pipefail
GENIE_HF=${GENIE_HF:-genie-hf}
DATA=${DATA:-data/agents} OUTPUT=${OUTPUT:-build/agents}

if [ "${1:-}" = --short ]; then
    WORLD=$OUTPUT/world
    LEVELS=2 HELD_OUT=1 STEPS=16 MODES=hard
    CLONE="--levels 50000:50002 --labels 4 --seeds 1 --steps 2"
    FILM="--levels 50000:50001 --labels 4 --steps 2" PLAN="--levels 50000:50001 --distances 1 --plans 2 --labels 4 --steps 1"
    REWARDS="--clips 2 --horizon 2 --steps 1" DREAM="--levels 50000:50002 --steps 4 --seeds 1 --horizon 2 --worlds 2"
else
    WORLD=pipelines/coinrun-gpu
    LEVELS=1000 HELD_OUT=200 STEPS=32 MODES="hard easy"
    CLONE="--seeds 3 --labels 10,50,200" FILM="" PLAN="--levels 50000:50008 --distances 2,4,8 --plans 16 --steps 2"
    REWARDS="--clips 64" DREAM="--steps 8000 --seeds 1"
fi

record() { # NAME FIRST_LEVEL NUMBER_OF_LEVELS POLICY MODE
    "$GENIE_HF" record coinrun "$DATA/$1" --levels "$2:$(($2 + $3))" --steps $STEPS --frame-skip 3 --policy "$4" --mode "$5"
}

for mode in $MODES; do record "expert-$mode" 30000 $LEVELS expert "$mode"; done
record balanced 31000 $LEVELS balanced hard
record test-expert 40000 $HELD_OUT expert hard
record test-balanced 40200 $HELD_OUT balanced hard

if [ "${1:-}" = --short ]; then
    mkdir -p "$WORLD"
    cat >"$WORLD/recipe.yaml" <<RECIPE
extends: $PWD/pipelines/tiny
data: {train: [$(realpath "$DATA")/expert-hard, $(realpath "$DATA")/balanced]}
training: {reward: {steps: 20, batch_size: 4, picture_every: null, num_workers: 0}}
RECIPE
    "$GENIE_HF" train "$WORLD/recipe.yaml" --overwrite
fi

HELD_OUT_DATA=(--data "$DATA/test-expert" --data "$DATA/test-balanced")
"$GENIE_HF" agents rewards "$WORLD" "${HELD_OUT_DATA[@]}" --output "$OUTPUT" $REWARDS
studies=()
for mode in $MODES; do # side by side: each learns on one core
    OMP_NUM_THREADS=1 "$GENIE_HF" agents clone "$WORLD" --expert "$DATA/expert-$mode" --mode "$mode" --output "$OUTPUT" $CLONE &
    studies+=($!)
done
for study in "${studies[@]}"; do wait "$study"; done
"$GENIE_HF" agents film "$WORLD" --expert "$DATA/expert-hard" --output "$OUTPUT" $FILM
for goal in frame coin; do
    "$GENIE_HF" agents plan "$WORLD" --data "$DATA/balanced" --towards $goal --output "$OUTPUT" $PLAN
done
"$GENIE_HF" agents dream "$WORLD" --data "$DATA/expert-hard" --output "$OUTPUT" $DREAM
