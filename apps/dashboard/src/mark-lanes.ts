/** A mark of one lane: where it stands, as a share of the axis, and what it says. */
interface Placed {
  left: number;
  text: string;
}

export type TextSide = 'right' | 'left' | 'none';

/** Pixels of a letter and of the glyph with its gaps, at 12 px. */
const letter = 6.6;
const glyph = 22;

/**
 * On which side of its mark each text has room between the neighbours of its lane; the newest is given room first.
 * @param marks of one lane, oldest first
 * @param width of the axis, in pixels
 */
export function textSides(marks: readonly Placed[], width: number): TextSide[] {
  let free = width;
  return marks
    .toReversed()
    .map(({ left, text }, i, newestFirst): TextSide => {
      const at = left * width;
      const needed = glyph + letter * text.length;
      const before = (newestFirst[i + 1]?.left ?? 0) * width;
      const side = free - at >= needed ? 'right' : at - before >= needed && free >= at ? 'left' : 'none';
      free = at - (side === 'left' ? needed : glyph / 2);
      return side;
    })
    .toReversed();
}
