import { z } from 'zod';

/** How a word of the texts may be shown. */
type Mask = (text: string) => string;

/** The events of /v1/events that the story is made of. */
export const narratedEvents = (): string[] => ['performance-reports', ...Object.keys(tellers)];

/** Says what an event of /v1/events is in a sentence; undefined: not worth a line, or told before. */
export function narrator(mask: Mask): (event: string, data: unknown) => string | undefined {
  // Labels come bit by bit, and each time the window is stated anew: the first time tells.
  const toldUntil = new Map<string, string>();
  return (event, data) => {
    if (event === 'performance-reports') return tellAccuracy(data, toldUntil);
    return tellers[event]?.(data, mask);
  };
}

const driftReport = z.looseObject({
  model: z.string(),
  windowStart: z.string(),
  windowEnd: z.string(),
  revision: z.number(),
  texts: z.number(),
  verdict: z.string(),
  reason: z.string(),
  movements: z.array(z.looseObject({ term: z.string(), kind: z.string() })),
  expectedAccuracy: z.number(),
});
const performanceReport = z.looseObject({
  model: z.string(),
  version: z.number(),
  scope: z.string(),
  windowStart: z.string(),
  windowEnd: z.string(),
  labelled: z.number(),
  accuracy: z.looseObject({ value: z.number(), lower: z.number(), upper: z.number() }),
});
const decision = z.looseObject({ model: z.string(), policy: z.string(), outcome: z.string(), reason: z.string() });
const registryEvent = z.looseObject({
  kind: z.string(),
  model: z.string(),
  version: z.number().nullable(),
  metrics: z.record(z.string(), z.number()),
  by: z.string(),
  reason: z.string(),
});
const swap = z.looseObject({
  model: z.string(),
  version: z.number(),
  fromVersion: z.number().nullable(),
  instance: z.string(),
  epoch: z.number(),
});

const tellers: Record<string, (data: unknown, mask: Mask) => string | undefined> = {
  'drift-reports': told(driftReport, (report, mask) => {
    if (report.verdict === 'collecting' || report.revision > 0) return undefined;
    const mark = report.verdict === 'drift' ? '▲' : report.verdict === 'warning' ? '△' : '·';
    const words = report.movements
      .filter(({ kind }) => kind === 'word')
      .slice(0, 5)
      .map(({ term }) => mask(term));
    const moved = report.verdict === 'stable' || words.length === 0 ? '' : `; words that moved: ${words.join(', ')}`;
    return `  ${mark} ${report.model} ${hours(report)}: ${report.verdict}: ${report.reason}${moved}`;
  }),
  // What became of a canary, and a rollback, the registry tells.
  'trigger-decisions': told(decision, ({ policy, outcome, reason, model }) =>
    outcome === 'fired' && policy !== 'canary' && policy !== 'rollback'
      ? `  → retraining of ${model} (${policy}): ${reason}`
      : undefined,
  ),
  'registry-events': told(registryEvent, ({ kind, model, version, metrics, reason }) => {
    const name = version === null ? model : `${model}@${version}`;
    if (kind === 'version-registered') {
      const { accuracy, macroF1 } = metrics;
      const figures =
        accuracy === undefined
          ? ''
          : `: accuracy ${share(accuracy)}, macro-F1 ${share(macroF1 ?? Number.NaN)} on held-out texts`;
      return `  → ${name} trained and registered${figures}`;
    }
    if (kind === 'promoted') return `  → ${name} promoted: ${reason}`;
    if (kind === 'challenger-set') return `  → ${name} is tried: ${reason}`;
    if (kind === 'challenger-withdrawn') return `  ✗ ${name} is tried no longer: ${reason}`;
    if (kind === 'refused') return `  ✗ ${name} refused: ${reason}`;
    if (kind === 'rolled-back') return `  ↩ ${name} rolled back: ${reason}`;
    if (kind === 'run-failed') return `  ✗ training of ${model} failed: ${reason}`;
    return undefined;
  }),
  swaps: told(swap, ({ model, version, fromVersion, epoch }) =>
    fromVersion === null
      ? `  ⇄ ${model}@${version} serves (epoch ${epoch})`
      : `  ⇄ hot swap: ${model}@${version} serves instead of ${model}@${fromVersion} (epoch ${epoch})`,
  ),
};

function tellAccuracy(data: unknown, toldUntil: Map<string, string>): string | undefined {
  return told(performanceReport, (report) => {
    const { scope, labelled, accuracy, model, version, windowEnd } = report;
    if (scope !== 'window' || labelled === 0 || windowEnd <= (toldUntil.get(model) ?? '')) return undefined;
    toldUntil.set(model, windowEnd);
    const { value, lower, upper } = accuracy;
    return `    ${hours(report)}: accuracy of ${model}@${version} ${share(value)} (${share(lower)}–${share(upper)}) on ${labelled} labelled texts`;
  })(data);
}

/** Only what has the expected shape is told: the story never stops because an event is new to it. */
function told<T>(shape: z.ZodType<T>, tell: (data: T, mask: Mask) => string | undefined) {
  return (data: unknown, mask: Mask = (text) => text): string | undefined => {
    const parsed = shape.safeParse(data);
    return parsed.success ? tell(parsed.data, mask) : undefined;
  };
}

/** A window of event time; the day is said twice only where it differs. */
function hours({ windowStart, windowEnd }: { windowStart: string; windowEnd: string }): string {
  const clock = (time: string) => time.slice(5, 16).replace('T', ' ');
  const sameDay = windowStart.slice(0, 10) === windowEnd.slice(0, 10);
  return `${clock(windowStart)}–${sameDay ? windowEnd.slice(11, 16) : clock(windowEnd)}`;
}

function share(value: number): string {
  return value.toFixed(3);
}
