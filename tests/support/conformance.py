"""Rules of the conformance kit, checked on daemons, many at a time."""
import concurrent.futures
import sys

from mapreduce.conformance import grading
from mapreduce.conformance.rule import Times

# Scaled down: what takes 10 s takes two seconds, on a busy machine, too.
STEADY = Times(timeout=20.0, quiet=0.15, heartbeat=0.4, dead=2.0, slack=0.6,
               prompt=10.0, processor=0.5)
# Daemons that break the rule: what must happen never does.
IMPATIENT = Times(timeout=1.2, quiet=0.15, heartbeat=0.4, dead=2.0, slack=0.6,
                  prompt=1.5, processor=0.5)
AT_ONCE = 8  # Most rules wait, so more run at a time than there are cores.
NO_FAULT = "none"
OURS = {
    "manager": ["--shared_dir", "{shared_dir}"],
    "worker": ["--manager-host", "{manager_host}",
               "--manager-port", "{manager_port}"]}


def flawed(side, fault, times=STEADY):
    """Return the command of a small daemon with a planted fault."""
    places = {"manager": ["{port}", "{shared_dir}"],
              "worker": ["{port}", "{manager_port}"]}[side]
    # -S and -E: it needs nothing but the standard library, and starts faster.
    # -c, not -m: only a module that is imported is compiled just once.
    return [sys.executable, "-S", "-E", "-c",
            f"from tests.support.flawed_{side} import main; main()",
            fault, *places, str(times.heartbeat), str(times.dead)]


def ours(side):
    """Return the command of our Manager or Worker."""
    return [sys.executable, "-m", f"mapreduce.{side}", "--host", "{host}",
            "--port", "{port}", "--loglevel", "warning", *OURS[side]]


def again(results, checks, wrong):
    """Check again, nine times at most, what ended with the wrong outcome.

    Some rules are about tenths of a second. A busy machine may miss a fault
    that shows for a moment, or be late without one.
    """
    for _ in range(9):
        results |= check_all([check for check in checks
                              if results[check[0].title].outcome is wrong], 2)
    return results


def check_all(checks, at_once=AT_ONCE):
    """Check rules: of (rule, command, times); return results by title."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(lambda check: grading.check(*check), checks))
    return {result.rule.title: result for result in results}
