"""A comparison as a LaTeX table."""

from collections.abc import Sequence

from eco_jax.study.compare import Difference

TEX_MARK = "% eco-jax compare"
"""What the file begins with."""
SPECIAL = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
           "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


def escaped(text: str) -> str:
    """Words that LaTeX prints as they are."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def as_tex(differences: Sequence[Difference], baseline: str, episodes: int) -> str:
    """The table for the package booktabs: a row for each policy and metric."""
    lines = [
        f"{TEX_MARK}: on the same {episodes} episodes. Needs \\usepackage{{booktabs}}.",
        r"\begin{tabular}{llrrrl}",
        r"\toprule",
        rf"Policy & Metric & {escaped(baseline)} & Policy & Difference (95\,\% interval) & Verdict \\",
    ]
    before = None
    for d in differences:
        if d.policy != before:
            lines.append(r"\midrule")
        name, before = ("" if d.policy == before else d.policy), d.policy
        unit = "" if d.metric.unit == "-" else f" ({d.metric.unit})"
        interval = f"${d.difference.mean:+.4f}$ [${d.difference.lo:+.4f}$, ${d.difference.hi:+.4f}$]"
        cells = (escaped(name), escaped(f"{d.metric.head}{unit}"), f"{_number(d.base.mean)}", _number(d.own.mean))
        lines.append(rf"{' & '.join((*cells, interval, d.verdict))} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _number(value: float) -> str:
    return f"${value:.4f}$"
