import { drawToFront, type Random } from '#libs/statistics';
import { fewestValidationTexts } from './calibrate.ts';

/** Rows to learn from, and rows held out for the temperature: none, if there would be too few. */
export function split<R extends { target: number; group: string }>(
  rows: readonly R[],
  { share, random }: { share: number; random: Random },
): { training: R[]; validation: R[] } {
  const heldOut = holdOut(rows, { share, least: fewestValidationTexts, random });
  const [training, validation] = [0, 1].map((wanted) => rows.filter((_, row) => heldOut[row] === wanted));
  return { training: training ?? [], validation: validation ?? [] };
}

/**
 * Chooses which rows are held out for validation: whole groups in seeded random order until the share is reached, but
 * never the last group of a label, which would leave nothing to learn that label from.
 * @param least with fewer held-out rows than this none is: they would teach more than they could tell.
 * @returns 1 for each row held out, 0 for the others.
 */
export function holdOut(
  rows: readonly { target: number; group: string }[],
  { share, least, random }: { share: number; least: number; random: Random },
): Uint8Array {
  const members = new Map<string, number[]>();
  const groupsOfTarget = new Map<number, Set<string>>();
  for (const [index, { target, group }] of rows.entries()) {
    const own = members.get(group) ?? [];
    own.push(index);
    members.set(group, own);
    groupsOfTarget.set(target, (groupsOfTarget.get(target) ?? new Set()).add(group));
  }
  const groups = [...members.keys()];
  const order = Int32Array.from(groups, (_, index) => index);
  drawToFront(order, order.length, random);
  const heldOut = new Uint8Array(rows.length);
  const wanted = Math.floor(rows.length * share);
  let count = 0;
  for (const index of order) {
    const group = groups[index] ?? '';
    const own = members.get(group) ?? [];
    const targets = new Set(own.map((row) => rows[row]?.target ?? 0));
    const lastOfItsLabel = [...targets].some((target) => groupsOfTarget.get(target)?.size === 1);
    if (lastOfItsLabel || count + own.length > wanted) continue;
    for (const target of targets) groupsOfTarget.get(target)?.delete(group);
    for (const row of own) heldOut[row] = 1;
    count += own.length;
  }
  return count < least ? new Uint8Array(rows.length) : heldOut;
}
