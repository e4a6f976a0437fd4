/** Texts that fell into one slice of `duration` event time. */
export interface TimeBucket {
  /** Start of the slice, epoch milliseconds, a multiple of the duration. */
  start: number;
  texts: number;
}

/** Event time [start, end), epoch milliseconds. */
export interface TimeWindow {
  start: number;
  end: number;
}

export interface WindowRule {
  /** Windows end at multiples of this, milliseconds. */
  duration: number;
  minimumTexts: number;
}

/**
 * The windows that can be closed: each starts where the one before ended (the first at the first text), and ends at the
 * first multiple of `duration` at which it holds `minimumTexts`. A pure function of the texts: replay gives the same.
 * @param buckets texts from `after` on, ascending.
 * @param after end of the last closed window, if there is one.
 * @param watermark event time that has certainly come.
 */
export function closableWindows(
  buckets: readonly TimeBucket[],
  rule: WindowRule,
  bounds: { after?: number | undefined; watermark: number },
): TimeWindow[] {
  const windows: TimeWindow[] = [];
  let start = bounds.after;
  let texts = 0;
  for (const bucket of buckets) {
    const end = bucket.start + rule.duration;
    if (end > bounds.watermark) break;
    start ??= bucket.start;
    texts += bucket.texts;
    if (texts < rule.minimumTexts) continue;
    windows.push({ start, end });
    start = end;
    texts = 0;
  }
  return windows;
}
