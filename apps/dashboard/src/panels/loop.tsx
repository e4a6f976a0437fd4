import type { ComponentChildren } from 'preact';
import { count, instant, percent, rate, windowName, words } from '../format.ts';
import { glyphOf, toneOf } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { useSelected } from '../store.ts';

/** The loop as it is now, in the order in which it runs; each step leads to its panel. */
export function Loop() {
  return (
    <nav aria-label="The loop now">
      <ol class="loop">
        <Texts />
        <Serving />
        <Window />
        <Accuracy />
        <RetrainingNow />
        <Letters />
      </ol>
    </nav>
  );
}

interface StepProps {
  to: string;
  name: string;
  value: ComponentChildren;
  tone?: string;
  children: ComponentChildren;
}

function Step({ to, name, value, tone = 'plain', children }: StepProps) {
  return (
    <li>
      <a href={`#${to}`} class={`step step-${tone}`} onClick={(event) => goTo(event, to)}>
        <span class="step-name">{name}</span>
        <span class="step-value">{value}</span>
        <span class="step-more">{children}</span>
      </a>
    </li>
  );
}

/** The address keeps the model's name. */
function goTo(event: Event, id: string): void {
  event.preventDefault();
  const panel = document.getElementById(id);
  panel?.scrollIntoView({ block: 'start' });
  panel?.setAttribute('tabindex', '-1');
  panel?.focus({ preventScroll: true });
}

function Texts() {
  const now = useSelected(({ throughput }) => throughput.at(-1));
  const lags = useSelected(({ status }) => status?.lags);
  const behind = Object.values(lags ?? {}).reduce(
    (sum, topics) => sum + Object.values(topics).reduce<number>((all, lag) => all + (lag ?? 0), 0),
    0,
  );
  return (
    <Step
      to="throughput"
      name="Texts in"
      value={
        <>
          {now === undefined ? '–' : rate(now.textsPerSecond)} <small>a second</small>
        </>
      }
    >
      {lags === undefined ? 'backlog unknown' : behind === 0 ? 'no backlog' : `${count(behind)} records to read`}
    </Step>
  );
}

function Serving() {
  const serving = useSelected(({ models, model }) => models?.find((one) => one.model === model)?.serving);
  if (serving === undefined || serving === null) {
    return (
      <Step to="versions" name="Serving" value="–">
        no version serves
      </Step>
    );
  }
  return (
    <Step to="versions" name="Serving" value={<>v{serving.version}</>}>
      since <ClockTime at={serving.since} />
    </Step>
  );
}

function Window() {
  const report = useSelected(({ drift }) => drift.at(-1));
  if (report === undefined) {
    return (
      <Step to="quality" name="Newest window" value="–">
        none has closed
      </Step>
    );
  }
  const { verdict, windowStart, windowEnd } = report;
  return (
    <Step
      to="quality"
      name="Newest window"
      tone={toneOf(verdict)}
      value={
        <>
          <span aria-hidden="true">{glyphOf(verdict)}</span> {verdict}
        </>
      }
    >
      {windowName(instant(windowStart), instant(windowEnd))}
    </Step>
  );
}

function Accuracy() {
  const newest = useSelected(({ performance }) => performance.findLast(({ labelled }) => labelled > 0));
  if (newest === undefined) {
    return (
      <Step to="quality" name="Accuracy" value="–">
        no labels yet
      </Step>
    );
  }
  const { accuracy, labelled } = newest;
  return (
    <Step to="quality" name="Accuracy" value={percent(accuracy.value)}>
      {percent(accuracy.lower)} – {percent(accuracy.upper)}, {count(labelled)} labels
    </Step>
  );
}

function RetrainingNow() {
  const retraining = useSelected((state) => state.retraining);
  const last = useSelected(({ runs }) => runs[0]);
  const busy = retraining !== undefined && !retraining.idle;
  const past =
    last === undefined ? 'never ran' : `last: ${last.version === null ? '' : `v${last.version} `}${last.status}`;
  const value = busy ? words(retraining.phase ?? 'at work') : 'Idle';
  return (
    <Step to="retraining" name="Retraining" tone={busy ? 'tide' : 'plain'} value={value}>
      {busy && typeof retraining.progress === 'number' ? percent(retraining.progress) : past}
    </Step>
  );
}

function Letters() {
  const topics = useSelected(({ deadLetters }) => deadLetters?.topics);
  const waiting = topics?.reduce((sum, one) => sum + one.waiting, 0);
  return (
    <Step
      to="dead-letters"
      name="Dead letters"
      tone={(waiting ?? 0) > 0 ? 'warn' : 'plain'}
      value={waiting === undefined ? '–' : count(waiting)}
    >
      {(waiting ?? 0) > 0 ? 'wait for you' : 'nothing to repair'}
    </Step>
  );
}
