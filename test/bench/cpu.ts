import { readFileSync } from 'node:fs';
import { familyOf } from '../support/product.ts';

/** Linux counts in hundredths of a second. */
const microsecondsPerTick = 10_000;

/** User and system time of a process in microseconds; of one that has ended 0. */
export function cpuOf(pid: number): number {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks; counted from behind it, utime and stime are 12 and 13.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * microsecondsPerTick;
  } catch {
    return 0;
  }
}

/** The same of a process and all that descend from it and live now. */
export async function familyCpu(pid: number): Promise<number> {
  const family = await familyOf(pid);
  return family.reduce((sum, member) => sum + cpuOf(member), 0);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

/** The value that `share` of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
}
