import { readdirSync, readFileSync } from 'node:fs';
import { familyOf } from '../support/product.ts';

/** Linux counts in hundredths of a second. */
const microsecondsPerTick = 10_000;

/** User and system time of a process in microseconds, and of the processes it started. */
export function cpuOf(pid: number): { own: number; children: number } {
  let children = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(entry);
    if (stat?.parent === pid) children += stat.microseconds;
  }
  return { own: statOf(String(pid))?.microseconds ?? 0, children };
}

/** The same of a process and all that descend from it and live now. */
export async function familyCpu(pid: number): Promise<number> {
  const family = await familyOf(pid);
  return family.reduce((sum, member) => sum + (statOf(String(member))?.microseconds ?? 0), 0);
}

function statOf(pid: string): { parent: number; microseconds: number } | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks; counted from behind it: state, parent, … utime and stime are 14 and 15.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { parent: Number(fields[1]), microseconds: ticks * microsecondsPerTick };
  } catch {
    return undefined;
  }
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
