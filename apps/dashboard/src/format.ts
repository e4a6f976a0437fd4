/** Narrow no-break space: before a unit, and between thousands. */
const thin = '\u202f';

const utc = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hourCycle: 'h23', ...options });
const local = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...options });

const utcDay = utc({ day: 'numeric', month: 'short' });
const utcDayYear = utc({ day: 'numeric', month: 'short', year: 'numeric' });
const utcTime = utc({ hour: '2-digit', minute: '2-digit' });
const localTime = local({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const localDayTime = local({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const whole = new Intl.NumberFormat('en-GB');

const dayLength = 86_400_000;

/**
 * Epoch milliseconds of any time the gateway writes; NaN for what is none.
 * ClickHouse writes `2026-01-05 14:00:00.000` and means UTC.
 */
export function instant(time: string | number | null | undefined): number {
  if (typeof time === 'number') return time;
  if (typeof time !== 'string') return Number.NaN;
  return Date.parse(time.includes('T') ? time : `${time.replace(' ', 'T')}Z`);
}

/** A share as a percentage with one decimal. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)}${thin}%` : '–';
}

export function count(value: number): string {
  return whole.format(value).replaceAll(',', thin);
}

/** Something a second: three figures at most. */
export function rate(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 99_950) return `${Math.round(value / 1000)}${thin}k`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)}${thin}k`;
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(1);
}

export function milliseconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 1000
    ? `${(value / 1000).toFixed(1)}${thin}s`
    : `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)}${thin}ms`;
}

export function duration(value: number): string {
  if (!Number.isFinite(value) || value < 0) return '–';
  if (value < 59_950) return `${(value / 1000).toFixed(1)}${thin}s`;
  const seconds = Math.round(value / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${thin}min ${seconds % 60}${thin}s`;
  return `${Math.floor(minutes / 60)}${thin}h ${minutes % 60}${thin}min`;
}

export function pValue(p: number): string {
  if (!Number.isFinite(p)) return '–';
  return p < 0.001 ? '<\u00a00.001' : p.toFixed(3);
}

/** A time on the reader's clock; the day as well when it is not today's. */
export function clock(time: number, now: number): string {
  if (!Number.isFinite(time)) return '–';
  return Math.abs(now - time) < dayLength / 2 ? localTime.format(time) : localDayTime.format(time);
}

/** An instant of event time, UTC. */
export function eventTime(time: number): string {
  return Number.isFinite(time) ? `${utcDay.format(time)}, ${utcTime.format(time)}` : '–';
}

/** An instant of event time, short: the day at midnight, the time otherwise. */
export function tick(time: number): string {
  return time % dayLength === 0 ? utcDay.format(time) : utcTime.format(time);
}

/** A window of event time, UTC; the hours only where they say something. */
export function windowName(start: number, end: number): string {
  if (!Number.isFinite(start) || !Number.isFinite(end)) return '–';
  if (start % dayLength === 0 && end % dayLength === 0) {
    const last = end - dayLength;
    return last === start ? utcDayYear.format(start) : `${utcDay.format(start)} – ${utcDayYear.format(last)}`;
  }
  const sameDay = Math.floor(start / dayLength) === Math.floor((end - 1) / dayLength);
  return sameDay
    ? `${utcDay.format(start)}, ${utcTime.format(start)}–${utcTime.format(end)}`
    : `${eventTime(start)} – ${eventTime(end)}`;
}

/** A term made visible: spaces of an n-gram, marks that need a letter to stand on, characters nobody can see. */
export function visibleTerm(term: string): string {
  const shown = term.replaceAll(' ', '␣').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, codePoint);
  return /^\p{M}/u.test(shown) ? `◌${shown}` : shown;
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

const statisticTitles: Readonly<Record<string, string>> = {
  textLength: 'Text length',
  wordCount: 'Words a text',
  characterDistribution: 'Characters used',
  wordOutOfVocabularyShare: 'Words never seen',
  ngramOutOfVocabularyShare: 'N-grams never seen',
  confidenceDistribution: 'Confidence',
  expectedAccuracy: 'Expected accuracy',
  predictedClasses: 'Predicted classes',
};
const shares = new Set(['wordOutOfVocabularyShare', 'ngramOutOfVocabularyShare', 'expectedAccuracy']);

export function statisticTitle(name: string): string {
  return statisticTitles[name] ?? words(name);
}

/** Shares as percentages, distances with three decimals. */
export function statisticValue(name: string, value: number): string {
  if (!Number.isFinite(value)) return '–';
  return shares.has(name) ? percent(value) : value.toFixed(3);
}

/** `run-failed` or `macroF1` as words. */
export function words(name: string): string {
  const spaced = name
    .replaceAll(/[-_]/g, ' ')
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (capital) => ` ${capital}`)
    .replaceAll(/ [A-Z](?=[a-z])/g, (start) => start.toLowerCase());
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** What a version was judged by, of all metrics of its run; `models show` has the others. */
export function runFigures(metrics: Readonly<Record<string, number>>): [name: string, value: string][] {
  const { accuracy, accuracyLower, accuracyUpper, macroF1, macroF1Lower, macroF1Upper, ...others } = metrics;
  const { championMacroF1, holdoutTexts, trainingTexts } = others;
  const interval = (value: number, low = Number.NaN, high = Number.NaN) =>
    Number.isFinite(low + high) ? `${percent(value)} (${percent(low)} – ${percent(high)})` : percent(value);
  const figures: [string, string | undefined][] = [
    ['Accuracy', accuracy === undefined ? undefined : interval(accuracy, accuracyLower, accuracyUpper)],
    ['Macro F1', macroF1 === undefined ? undefined : interval(macroF1, macroF1Lower, macroF1Upper)],
    ['Champion’s', championMacroF1 === undefined ? undefined : percent(championMacroF1)],
    ['Trained on', trainingTexts === undefined ? undefined : count(trainingTexts)],
    ['Held out', holdoutTexts === undefined ? undefined : count(holdoutTexts)],
  ];
  return figures.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** The figures of an evidence object in a line; the text itself when it is none. */
export function evidenceText(evidence: string): string {
  try {
    const parsed: unknown = JSON.parse(evidence);
    if (typeof parsed !== 'object' || parsed === null) return evidence;
    return Object.entries(parsed)
      .map(([name, value]) => `${words(name).toLowerCase()} ${figure(value)}`)
      .join(' · ');
  } catch {
    return evidence;
  }
}

function figure(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
