"""Monte-Carlo tree search over the next GPU: fills the gap that a crossover leaves.

Nodes are completions, edges are GPUs; a play-out is a shaken greedy pass. Children are chosen by UCT (Kocsis and
Szepesvári 2006), the reward is minus the GPUs taken. The paper's own variant trims children likewise.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from bench.baselines.mig_serving.gpus import Gpu, Problem, after, candidates, finished
from bench.baselines.mig_serving.greedy import greedy

CHILDREN, EXPLORATION = 5, 0.7


@dataclass(slots=True)
class _Node:
    completion: tuple[float, ...]
    gpu: Gpu = ()
    visits: int = 0
    reward: float = 0.0
    children: list[_Node] = field(default_factory=list)

    def next(self) -> _Node:
        """The child of the highest upper confidence bound."""
        return max(self.children, key=lambda child: child.bound(self.visits))

    def bound(self, visits: int) -> float:
        """Infinite before the first visit."""
        if not self.visits:
            return math.inf
        return self.reward / self.visits + EXPLORATION * math.sqrt(math.log(visits) / self.visits)


def fill(of: Problem, completion: tuple[float, ...], draw: random.Random, plays: int) -> list[Gpu]:
    """The fewest GPUs found that take the services from `completion` to served."""
    best = greedy(of, completion)
    root = _Node(completion)
    for _ in range(plays):
        path, gpus = _play(of, root, draw)
        if len(gpus) < len(best):
            best = gpus
        for node in path:
            node.visits += 1
            node.reward -= len(gpus)
    return best


def _play(of: Problem, root: _Node, draw: random.Random) -> tuple[list[_Node], list[Gpu]]:
    """The nodes passed and a whole way to served."""
    path, node = [root], root
    while node.visits and not finished(node.completion):
        if not node.children:
            _expand(of, node, draw)
        node = node.next()
        path.append(node)
    gpus = [step.gpu for step in path[1:]]
    return path, gpus + greedy(of, node.completion, draw)


def _expand(of: Problem, node: _Node, draw: random.Random) -> None:
    scored = candidates(of, node.completion) + candidates(of, node.completion, draw)
    distinct = list(dict.fromkeys(gpu for _, gpu in sorted(scored, key=lambda one: -one[0])))[:CHILDREN]
    node.children = [_Node(after(of, node.completion, [gpu]), gpu) for gpu in distinct]
