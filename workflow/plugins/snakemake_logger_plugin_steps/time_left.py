"""How long a run still takes."""

from collections import Counter, defaultdict
from statistics import mean


class TimeLeft:
    """How long a run still takes, from the steps that it has done.

    A rule whose steps have been seen takes as long as these did on average. Any other takes its
    typical time, longer or shorter by the factor of the rules that have been seen. `typical` has
    seconds for each rule (1 for others), `jobs` the number of jobs that are planned, and `now` is
    in seconds as well.
    """

    def __init__(self, typical: dict[str, float], jobs: dict[str, int], now: float):
        self._typical = defaultdict(lambda: 1.0, typical)
        self._waiting, self._began = Counter(jobs), now
        self._running = {}  # rule and start of each job
        self._took = defaultdict(list)
        self._begun = set()

    def start(self, job: int, rule: str, now: float) -> None:
        """A job starts, perhaps once more."""
        self._waiting[rule] -= job not in self._begun
        self._begun.add(job)
        self._running[job] = rule, now

    def finish(self, job: int, now: float) -> None:
        """A job has ended well."""
        rule, began = self._running.pop(job)
        self._took[rule].append(now - began)

    def fail(self, job: int) -> None:
        """A job has failed."""
        del self._running[job]

    def seconds(self, now: float, left: int) -> float:
        """Return the seconds until `left` jobs are done, the running ones among them.

        After a checkpoint these can be other jobs than were planned.
        """
        running = [(rule, now - began) for rule, began in list(self._running.values())]
        waiting = {rule: number for rule, number in list(self._waiting.items()) if number > 0}
        still = [max(self._of(rule, []) - elapsed, 0) for rule, elapsed in running]
        each = {rule: self._of(rule, running) for rule in waiting}
        work = sum(number * each[rule] for rule, number in waiting.items())
        if waiting:
            work *= max(left - len(running), 0) / sum(waiting.values())
        return max([(work + sum(still)) / self._at_once(running, now), *each.values(), *still])

    def _of(self, rule, running):
        """Return how long a job of a rule takes, at least as long as one that is running."""
        if rule in self._took:
            return mean(self._took[rule])
        expected = self._typical[rule] * self._factor()
        return max([expected, *(elapsed for name, elapsed in running if name == rule)])

    def _factor(self):
        """Return how many times longer than typical the steps took that are done.

        Ten seconds of what is typical are added, so that the first short step says little.
        """
        took = dict(self._took)
        typical = sum(self._typical[rule] * len(jobs) for rule, jobs in took.items())
        return (sum(map(sum, took.values())) + 10) / (typical + 10)

    def _at_once(self, running, now):
        """Return how many jobs have run at once, on average."""
        done = sum(map(sum, dict(self._took).values())) + sum(elapsed for _, elapsed in running)
        return max(done / max(now - self._began, 1e-9), 1)
