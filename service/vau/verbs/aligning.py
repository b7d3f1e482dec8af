"""The verb that finds what is known to be said: ``align``."""

import json
from pathlib import Path

import typer
from rich.console import Console

from vau.commands import flags
from vau.commands.flags import aligning, asking, door, engines, files, measuring
from vau.verbs.outcome import DONE, SOME_FAILED, complain, warn
from vau.verbs.reach import access_of, remark_passed_over


def align(
    context: typer.Context,
    *,
    file: aligning.MaybeFile = None,
    said: aligning.Said = None,
    phones: aligning.Phones = None,
    text: aligning.Text = None,
    text_file: aligning.TextFile = None,
    lexicon: aligning.Lexicon = None,
    manifest: aligning.Manifest = None,
    column: aligning.Column = None,
    labels: aligning.Labels = None,
    split: measuring.Split = "",
    limit: measuring.Limit = None,
    server: asking.Server = "",
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    model: engines.Model = "",
    backend: engines.Backend = "",
    channel: files.Channel = "mix",
    out: aligning.Out = None,
    formats: aligning.Formats = "textgrid,jsonl",
    jobs: engines.Jobs = None,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Find where each word and phone of a known text is said, and how well.

    A recording and what is said in it, as phones or text, or a whole manifest. How well is
    goodness of pronunciation (GOP) in nats: below 0 the network would rather hear another
    phone. Words need a lexicon: pip install 'vau[align]', or --lexicon.
    """
    from vau.alignment import alignment_object
    from vau.batch import Failed
    from vau.commands.align import items as which
    from vau.commands.align import plan as verb
    from vau.commands.align import report
    from vau.commands.align.table import table
    from vau.commands.display import progress
    from vau.commands.transcribe.items import check_names
    from vau.processes import core_count
    from vau.transcripts import Output, to_json

    if file is not None and not flags.is_typed(context, "manifest"):
        manifest = None  # of an environment that speaks of other commands
    aligning.check_given(context, file, manifest)
    files.check_output(context, out, formats, logits=False)
    plan = verb.AlignPlan(
        **engines.engine(context, model, backend),
        server=server,
        access=access_of(context),
        jobs=jobs or core_count(),
        channel=channel,
        output=None if out is None else Output(out, formats),
    )
    remark_passed_over(context)
    inventory = plan.inventory()
    reader = which.Reader(inventory, lexicon)
    if file is not None:
        words = which.words_of(said, phones, text, text_file)
        items = [which.Item(file, Path(file.stem), reader.script(words))]
    elif manifest is not None:
        items = which.items_of(
            manifest, reader, column=column, split=split, limit=limit, warn=warn
        )
    if out is not None:
        check_names(items)
    known, items = report.labelled(labels if manifest else None, items, inventory)
    tally, statuses, last = report.Tally(known, inventory.silences), [], None
    with progress(Console(stderr=True), "recordings") as show:
        for at, outcome in verb.align_all(items, plan, show, warn):
            if isinstance(outcome, Failed):
                statuses.append(complain(outcome.error, outcome.file, context))
                tally.fail(outcome)
                continue
            last = outcome
            tally.add(at, items[at], outcome)
    if last is None:
        return statuses[0]
    if manifest is None:
        shown = [to_json(alignment_object(last))] if as_json else table(last)
    else:
        figures = tally.report()
        shown = [json.dumps(figures)] if as_json else report.lines(figures)
    print("\n".join(shown), flush=True)
    return SOME_FAILED if statuses else DONE
