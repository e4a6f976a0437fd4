/** A piece in its place. */
interface Node {
  start: number;
  id: number;
  /** Of the piece alone, then of the best path that ends with it. */
  score: number;
  before: Node | undefined;
}

/**
 * The most probable path through every piece in every place, compared as `@huggingface/tokenizers` compares: the
 * score of the next piece is added before two paths are compared, so that paths that differ by less than rounding are
 * equal, and the first is taken. Slow; for words in which such paths were met.
 * @param piecesAt ends and ids of the pieces that begin in a place, shortest first.
 * @returns starts and ids of the path's pieces.
 */
export function exactPath(
  length: number,
  piecesAt: (start: number) => { end: number; id: number; score: number }[],
): { start: number; id: number }[] {
  const ending: Node[][] = Array.from({ length: length + 1 }, () => []);
  const best = (place: number, score: number): { node: Node | undefined; total: number } => {
    let node: Node | undefined;
    let total = score;
    for (const candidate of ending[place] ?? []) {
      if (node !== undefined && !(candidate.score + score > total)) continue;
      node = candidate;
      total = candidate.score + score;
    }
    return { node, total };
  };
  for (let start = 0; start < length; start++) {
    if (start > 0 && ending[start]?.length === 0) continue; // inside a surrogate pair
    for (const { end, id, score } of piecesAt(start)) {
      const { node: before, total } = best(start, score);
      ending[end]?.push({ start, id, score: total, before });
    }
  }
  const path: Node[] = [];
  for (let node = best(length, 0).node; node !== undefined; node = node.before) path.push(node);
  return path.reverse();
}
