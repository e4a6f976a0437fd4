/**
 * Verdicts of the drift comparison on many variants of the two streams:
 *
 *     node --conditions=tidemill-source test/model/drift-error-rates.ts [variants, default 10]
 *
 * A variant has its own draws of texts (somali), its own seed of training, and keeps other groups from training. The
 * phases of somali are longer than when it is played. Prints a table of docs/statistics.md.
 */
import { mailScript } from '../../apps/standalone/src/streams/mail.ts';
import { somaliScript } from '../../apps/standalone/src/streams/somali.ts';
import { playThrough } from '../../apps/standalone/src/streams/testing/play-through.ts';
import { judgedWindows, labelledTexts, trainVersion } from './drift-windows.ts';

const variants = Number(process.argv[2] ?? 10);
const hour = 3_600_000;
const day = 24 * hour;
const counts = new Map<string, { windows: number; warning: number; drift: number }>();

function count(phase: string, verdict: string): void {
  if (verdict === 'collecting') return;
  const row = counts.get(phase) ?? { windows: 0, warning: 0, drift: 0 };
  row.windows++;
  if (verdict === 'warning') row.warning++;
  if (verdict === 'drift') row.drift++;
  counts.set(phase, row);
}

function somali(variant: number): void {
  const hours = { baseline: 24, prior: 10, drift: 3, after: 24 };
  const script = somaliScript({ seed: 42 + variant, hours });
  const learnt = hours.baseline + hours.prior + 2;
  const slices = playThrough(script, learnt);
  const plan = { duration: hour, minimumTexts: 300, referenceTexts: 1200 };
  const split = { seed: 42 + variant, division: variant + 1 };
  const first = trainVersion(script.trainingSet, split);
  const begin = slices[0]?.texts[0]?.occurredAt ?? 0;
  for (const { start, verdict } of judgedWindows(first, slices.slice(0, learnt + 1), { ...plan, from: begin })) {
    const at = (start - begin) / hour;
    if (at < hours.baseline - 0.5) count('somali, as in training', verdict);
    else if (at < hours.baseline + hours.prior - 0.5) count('somali, class shares moved', verdict);
    else count('somali, 40 % unseen dialects', verdict);
  }
  const until = slices[learnt]?.until ?? 0;
  const known = labelledTexts(slices).filter(({ labelledAt }) => labelledAt < until);
  const second = trainVersion([...script.trainingSet, ...known], split);
  for (const { verdict } of judgedWindows(second, slices, { ...plan, from: until })) {
    count('somali, after the new version', verdict);
  }
}

const script = await mailScript();
const mails = [...script.slices()];

function mail(variant: number): void {
  const event = Date.UTC(2002, 8, 26);
  const plan = { duration: day, minimumTexts: 100, referenceTexts: 600 };
  const split = { seed: 42 + variant, division: variant + 1 };
  const first = trainVersion(script.trainingSet, split);
  for (const { start, verdict } of judgedWindows(first, mails, { ...plan, from: Date.UTC(2002, 6, 29) })) {
    if (start < event) count('mail, before 2002-09-26', verdict);
    else if (start === event) count('mail, first day of the event', verdict);
    else count('mail, later, same version', verdict);
  }
  const until = event + 2 * day + 8 * hour;
  const known = labelledTexts(mails).filter(({ labelledAt }) => labelledAt < until);
  const second = trainVersion([...script.trainingSet, ...known], split);
  for (const { verdict } of judgedWindows(second, mails, { ...plan, from: until })) {
    count('mail, after the new version', verdict);
  }
}

for (let variant = 0; variant < variants; variant++) {
  somali(variant);
  mail(variant);
}
console.log(`| ${variants} variants | windows | stable | warning | drift |\n|---|---|---|---|---|`);
for (const [phase, { windows, warning, drift }] of counts) {
  console.log(`| ${phase} | ${windows} | ${windows - warning - drift} | ${warning} | ${drift} |`);
}
