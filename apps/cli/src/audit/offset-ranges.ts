/** Offsets `from` up to but not including `to` of one partition. */
export interface OffsetRange {
  partition: number;
  from: number;
  to: number;
}

/** Ranges of several partitions numbered through from 0, so that what is known of each offset fits typed arrays. */
export class OffsetRanges {
  readonly ranges: readonly OffsetRange[];
  readonly size: number;
  /** Partition to its range and the number of its first offset. */
  readonly #starts = new Map<number, OffsetRange & { first: number }>();

  constructor(ranges: readonly OffsetRange[]) {
    this.ranges = ranges;
    let size = 0;
    for (const range of ranges) {
      this.#starts.set(range.partition, { ...range, first: size });
      size += range.to - range.from;
    }
    this.size = size;
  }

  /** undefined: outside. */
  indexOf(partition: number, offset: number): number | undefined {
    const start = this.#starts.get(partition);
    return start === undefined || offset < start.from || offset >= start.to
      ? undefined
      : start.first + offset - start.from;
  }

  placeOf(index: number): { partition: number; offset: number } {
    for (const { partition, first, from, to } of this.#starts.values())
      if (index >= first && index - first < to - from) return { partition, offset: from + index - first };
    throw new RangeError(`no offset has number ${index}`);
  }
}
