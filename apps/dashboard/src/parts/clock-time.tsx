import { clock, instant } from '../format.ts';

/** A time on the reader's clock. */
export function ClockTime({ at }: { at: string | number | null | undefined }) {
  const time = instant(at);
  if (!Number.isFinite(time)) return <span>–</span>;
  const iso = new Date(time).toISOString();
  return (
    <time dateTime={iso} title={iso}>
      {clock(time, Date.now())}
    </time>
  );
}
