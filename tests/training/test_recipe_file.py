import pytest

from genie_hf.training.recipe_file import build_recipe, read_recipe, without_derived


@pytest.mark.parametrize("name", ["coinrun", "coinrun-gpu", "coinrun-small", "tiny"])
def test_every_bundled_recipe_is_valid(name, request):
    recipe = read_recipe(request.config.rootpath / "pipelines" / name)
    assert list(recipe.video_tokenizer.grid_size) == recipe.dynamics.grid_size
    assert recipe.dynamics.num_actions == recipe.latent_action_model.num_actions
    assert recipe.dynamics.mask_token_id == recipe.video_tokenizer.codebook_size


def test_paper_recipe_has_the_numbers_of_appendix_f(request):
    recipe = read_recipe(request.config.rootpath / "pipelines" / "coinrun" / "recipe.yaml")
    for part in (recipe.video_tokenizer, recipe.latent_action_model):
        for transformer in (part.encoder, part.decoder):
            assert transformer.num_hidden_layers == 8
            assert (transformer.hidden_size, transformer.num_attention_heads) == (512, 8)
    assert (recipe.video_tokenizer.patch_size, recipe.video_tokenizer.codebook_size) == (4, 1024)
    assert (recipe.latent_action_model.num_actions, recipe.dynamics.num_hidden_layers) == (6, 12)
    tokenizer, world = recipe.training.tokenizer, recipe.training.world
    assert (tokenizer.steps, tokenizer.batch_size, tokenizer.num_frames) == (300_000, 48, 16)
    assert (world.steps, world.batch_size, world.num_frames) == (200_000, 36, 16)
    assert (world.learning_rate, world.min_learning_rate, world.betas) == (3e-5, 3e-6, [0.9, 0.9])


def test_recipe_holds_only_what_differs_from_the_one_that_it_extends(request):
    folder = request.config.rootpath / "pipelines" / "coinrun-gpu"
    base, more = read_recipe(folder), read_recipe(folder / "cpu.yaml")
    assert more.training.world.batch_size == 8
    assert more.training.world.betas == base.training.world.betas == [0.9, 0.98]
    assert more.video_tokenizer.to_dict() == base.video_tokenizer.to_dict()


def test_another_type_replaces_what_the_base_says_of_its_own(request, tmp_path):
    tiny = request.config.rootpath / "pipelines" / "tiny" / "recipe.yaml"
    lines = "latent_action_model: {type: motion, num_actions: 3, num_frames: 8}", "video_tokenizer:"
    lines += "  quantizer: {type: fsq, levels: [8, 4]}", "dynamics: {hidden_size: 48}"
    (tmp_path / "recipe.yaml").write_text("\n".join((f"extends: {tiny}", *lines)))
    base, recipe = read_recipe(tiny), read_recipe(tmp_path)
    assert recipe.latent_action_model.num_actions == recipe.dynamics.num_actions == 3
    assert recipe.video_tokenizer.codebook_size == 32
    assert recipe.video_tokenizer.encoder.to_dict() == base.video_tokenizer.encoder.to_dict()
    assert recipe.dynamics.num_hidden_layers == base.dynamics.num_hidden_layers
    (tmp_path / "recipe.yaml").write_text(f"extends: {tiny}\nlatent_action_model: {{type: frames, num_actions: 3}}")
    assert read_recipe(tmp_path).latent_action_model.patch_size == base.latent_action_model.patch_size


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("[a.yaml]", "extends must be the path of a recipe"),
        ("nothing.yaml", "There is no recipe at .*nothing.yaml"),
        ("recipe.yaml", "recipe.yaml extends itself"),
    ],
)
def test_error_for_a_recipe_that_extends_nothing(base, message, tmp_path):
    (tmp_path / "recipe.yaml").write_text(f"extends: {base}")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_recipe(tmp_path)


def changed(values, path, value):
    """`values` with the key at `path` set."""
    *parents, last = path.split(".")
    section = values
    for parent in parents:
        section = section[parent]
    section[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("dta", 1, "unknown key dta; did you mean data?"),
        ("training.world.step", 1, "unknown key training.world.step; did you mean steps?"),
        (
            "video_tokenizer.encoder.hiden_size",
            8,
            "unknown key video_tokenizer.encoder.hiden_size; did you mean hidden_size?",
        ),
        ("dynamics.zzz", 1, "unknown key dynamics.zzz; the keys are "),
        ("scheduler", {"temp": 1}, "unknown key scheduler.temp; did you mean temperature?"),
        (
            "dynamics.num_actions",
            4,
            "dynamics.num_actions follows from latent_action_model.num_actions or data.num_actions; leave it out.",
        ),
        ("video_tokenizer.image_size", 64, "video_tokenizer.image_size follows from data.image_size; leave it out."),
        ("data.train", [{"source": "a", "splt": "b"}], "unknown key data.train[0].splt; did you mean split?"),
        ("data.test", ["a", {"split": "test"}], "the key data.test[1].source is missing; add it."),
        ("data.test", [{"source": "a", "split": 3}], "data.test[0].split: Field 'split' with value 3"),
        ("training.tokenizer.steps", "many", "training.tokenizer.steps: Field 'steps' expected int, got str"),
        ("training.tokenizer.steps", 0, "training.tokenizer: steps must be at least 1, got 0."),
        ("training.tokenizer.num_frames", 99, "training.tokenizer.num_frames is 99; its models span 8 frames"),
        ("training.world.gradient_accumulation", 3, "batch_size 4 cannot be split into gradient_accumulation=3"),
        ("video_tokenizer.patch_size", 15, "video_tokenizer: image_size 64x64 is not a multiple of patch_size 15"),
        ("precision", "fp8", "precision: Field 'precision' expected one of"),
        ("fps", 0, "fps must be a number of frames per second, more than 0, got 0."),
        ("dynamics", 3, "dynamics must be a mapping of keys to values, got 3."),
        ("training.tokenizer", None, "training.tokenizer cannot be null: every world needs this stage."),
        ("training.tokenizer.initialize_from_frames", -3, "initialize_from_frames must be above 0, got -3."),
        ("training.tokenizer.max_minutes", float("nan"), "training.tokenizer: max_minutes must be above 0, got nan."),
        ("training.world.learning_rate", float("nan"), "training.world: learning_rate must be above 0, got nan."),
        ("training.world.learning_rate", float("inf"), "training.world: learning_rate must be finite, got inf."),
        ("training.world.seed", 2**32, "training.world: seed must lie between 0 and 4294967295, got 4294967296."),
        ("training.world.betas", [0, 1], "training.world: betas must be two numbers in [0, 1), got [0, 1]."),
        ("data.image_size", [64], "image_size must be a number of pixels or [height, width], at least 1, got [64]."),
        ("video_tokenizer.num_frames", 0, "video_tokenizer.num_frames must be at least 2, got 0."),
        ("video_tokenizer.encoder.num_hidden_layers", -1, "num_hidden_layers must be at least 0, got -1."),
        ("video_tokenizer.quantizer.type", ["x"], "there is no quantizer type ['x']; choose one of vq, fsq."),
        ("latent_action_model.type", ["x"], "latent_action_model.type is ['x']; choose one of frames, motion."),
        ("latent_action_model.continuous_steps", -5, "continuous_steps must be at least 0, got -5."),
        ("dynamics.mask_rate", [], "dynamics: mask_rate must be [low, high] with 0 <= low <= high <= 1"),
        ("scheduler", {"temperature": "x"}, "scheduler.temperature must be a number, got 'x'."),
        ("scheduler", {"temperature": -1}, "scheduler: temperature is -1; give a number from 0"),
        ("scheduler", {"unmasking_order": "best"}, "scheduler: unmasking_order is 'best'; choose one of random,"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_path(tiny_values, path, value, message):
    with pytest.raises(ValueError) as error:
        build_recipe(changed(tiny_values, path, value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_betas_may_be_whole_numbers(tiny_values):
    assert build_recipe(changed(tiny_values, "training.world.betas", [0, 0.9])).training.world.betas == [0, 0.9]


def test_a_missing_key_is_named(tiny_values):
    del tiny_values["training"]["world"]["batch_size"]
    with pytest.raises(ValueError, match="the key training.world.batch_size is missing"):
        build_recipe(tiny_values)


def test_yaml_reads_exponents_as_numbers_and_refuses_repeated_keys(tmp_path, tiny_values, write_recipe):
    path = write_recipe(tiny_values)
    path.write_text(path.read_text().replace("learning_rate: 0.003", "learning_rate: 3e-3"))
    assert read_recipe(path).training.world.learning_rate == 3e-3
    path.write_text(path.read_text() + "\nfps: 3\nfps: 4\n")
    with pytest.raises(ValueError, match="the key fps is duplicated"):
        read_recipe(path)


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no recipe at"):
        read_recipe(tmp_path / "nothing.yaml")


def test_the_recipe_as_plain_values_builds_the_same_recipe(tiny_values):
    recipe = build_recipe(tiny_values)
    assert build_recipe(without_derived(recipe.to_dict())).to_dict() == recipe.to_dict()


def test_the_learning_rate_comes_down_by_the_end_of_steps_or_time(tiny_values):
    stage = build_recipe(tiny_values).training.world
    stage.steps, stage.warmup_steps, stage.learning_rate, stage.min_learning_rate = 110, 10, 1.0, 0.1
    assert [stage.learning_rate_factor(step) for step in (0, 5, 10)] == [0, 0.5, 1]
    assert stage.learning_rate_factor(60) == pytest.approx(0.55) and stage.learning_rate_factor(110) == pytest.approx(
        0.1
    )
    assert stage.learning_rate_factor(11, elapsed=0.5) == pytest.approx(0.55)
    assert stage.learning_rate_factor(100, elapsed=0.5) == stage.learning_rate_factor(100)
    assert stage.learning_rate_factor(11, elapsed=1.2) == pytest.approx(0.1)


def test_sources_may_name_a_split_and_a_configuration(tiny_values):
    source = {"source": "user/videos", "split": "validation", "config": "small"}
    tiny_values["data"] |= {"train": ["a", "b"], "test": ["c", source], "frame_skip": 3}
    recipe = build_recipe(tiny_values)
    assert recipe.data.test == ["c", source] and recipe.data.frame_skip == 3
    assert build_recipe(tiny_values | {"data": recipe.to_dict()["data"]}).data == recipe.data
