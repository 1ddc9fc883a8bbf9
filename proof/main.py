"""Runs the checks and prints the results. `proof/run --help` lists the options; README.md explains them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import z3

import vacuity
from actions import ACTIONS
from checks import Check, all_checks, sentence
from invariant import CONJUNCTS
from necessity import CLAUSES
from story import ends_in_two, lines

# How the second solver is asked: as it is, then, if it does not know, by trying out models.
SECOND = (["cvc5", "--tlimit=5000"], ["cvc5", "--tlimit=20000", "--mbqi"])


def prove() -> bool:
    """Runs every check and prints a line for each rule; whether all are proved."""
    actions = {rule: ", ".join(action.__name__ for action in each) for rule, each in ACTIONS.items()}
    actions["the initial state"] = "satisfies every conjunct"
    actions["the theorem"] = "follows from three of the others"
    counted: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    failed: list[Check] = []
    print(f"z3 {z3.get_version_string()}: each sentence of the invariant still holds after each action")
    for check in all_checks():
        started = time.monotonic()
        proved = check.is_proved()
        spent[check.rule] += time.monotonic() - started
        counted[check.rule] += 1
        if not proved:
            failed.append(check)
    for rule, count in counted.items():
        bad = sum(check.rule == rule for check in failed)
        result = "proved" if bad == 0 else f"{bad} NOT PROVED"
        print(f"{rule:<20} {actions[rule]:<40} {count:4} checks {spent[rule]:5.1f} s  {result}")
    says = {conjunct.__name__: sentence(conjunct) for conjunct in CONJUNCTS}
    for check in failed:
        print(f"not proved: {check.name}: {says[check.name.split(' / ')[1]]}")
    total = sum(counted.values())
    print(f"{total} checks: {'proved' if not failed else f'{len(failed)} not proved'}")
    return not failed


def without(name: str) -> bool:
    """Leaves a clause out, and tells what happens; whether it is necessary."""
    clause, left_out = CLAUSES[name], frozenset([name])
    print(f"\nWithout {name}. {clause.says}")
    checks = [(check.name, check.is_proved()) for check in all_checks(left_out)]
    failed = [check for check, proved in checks if not proved]
    print(f"  {len(failed)} of {len(checks)} checks are not proved: {', '.join(failed) or 'none'}")
    run = ends_in_two(clause, left_out)
    found = run.is_possible()
    print("\n".join(lines(run, clause.clocks_agree)) if found else "  NO run to two possessors was found")
    impossible = ends_in_two(clause, frozenset()).is_impossible()
    if not impossible:
        print("  NOT shown that the same run is impossible with the clause")
    return bool(failed) and found and impossible


def without_all() -> bool:
    """Leaves out each clause by itself; whether all are necessary."""
    spare = [name for name in CLAUSES if not without(name)]
    print(f"\n{len(CLAUSES)} clauses left out, one at a time: ", end="")
    print(f"NOT shown to be necessary: {', '.join(spare)}" if spare else "two processes possess the ball each time")
    return not spare


def not_vacuous() -> bool:
    """Prints what is possible; whether all of it is."""
    results = vacuity.actions() + vacuity.lives()
    for result in results:
        print(f"{'yes' if result.found else 'NO '}  {result.what}")
    found = all(result.found for result in results)
    print(f"{len(results)} things that must be possible: {'all are' if found else 'NOT ALL ARE'}")
    return found


def write_smt2(folder: Path) -> list[Path]:
    """Writes every check as an SMT-LIB file; `unsat` means proved."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for check in all_checks():
        file = folder / f"{check.name.replace(' / ', '-')}.smt2"
        file.write_text(check.smt2())
        files.append(file)
    return files


def ask_cvc5(file: Path) -> str:
    """What cvc5 says to the negation of a check: `unsat` means proved."""
    answer = "no answer in time"
    for command in SECOND:
        result = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
        said = result.stdout.strip()
        if said in ("sat", "unsat"):
            return said
        answer = said or answer
    return answer


def second_opinion() -> bool:
    """Asks cvc5; whether it proves every check. Its timeouts and `unknown` count as not proved."""
    answers: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for file in write_smt2(Path(folder)):
            answer = ask_cvc5(file)
            answers[answer] += 1
            if answer != "unsat":
                print(f"cvc5: {answer}: {file.stem}")
    total, proved = sum(answers.values()), answers["unsat"]
    print(f"cvc5: {total} checks: {'proved' if proved == total else f'{total - proved} not proved'}")
    return proved == total


def arguments() -> argparse.Namespace:
    """The options; one at most."""
    parser = argparse.ArgumentParser(prog="proof/run", description="Never two, for any number of nodes.")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--without", metavar="CLAUSE", choices=[*CLAUSES, "all"], help=", ".join([*CLAUSES, "all"]))
    only.add_argument("--vacuity", action="store_true", help="show that every action and a whole life are possible")
    only.add_argument("--smt2", metavar="DIR", type=Path, help="write every check as an SMT-LIB file")
    only.add_argument("--second", action="store_true", help="let cvc5 answer every check, too")
    return parser.parse_args()


def main() -> bool:
    """Does what the options say; whether it succeeded."""
    options = arguments()
    if options.without == "all":
        return without_all()
    if options.without:
        necessary = without(options.without)
        print(f"\nnot proved without {options.without}" if necessary else "\nSTILL PROVED, or no run was found")
        # Without a clause there is no proof, so this is a failure in any case.
        return False
    if options.vacuity:
        return not_vacuous()
    if options.smt2:
        print(f"{len(write_smt2(options.smt2))} files in {options.smt2}")
        return True
    return second_opinion() if options.second else prove()


if __name__ == "__main__":
    SUCCEEDED = main()
    sys.stdout.flush()
    # Debian's z3 prints errors when Python takes it down in order.
    os._exit(0 if SUCCEEDED else 1)
