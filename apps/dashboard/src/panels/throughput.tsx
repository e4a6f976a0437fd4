import { useMemo } from 'preact/hooks';
import uPlot from 'uplot';
import { count, instant, milliseconds, rate } from '../format.ts';
import { axis, Chart, clockTicks } from '../parts/chart.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';
import type { Colours } from '../theme.ts';
import type { Throughput as Point } from '../wire.ts';

export function Throughput() {
  const points = useSelected((state) => state.throughput);
  const latency = points.some(
    ({ latencyMilliseconds }) => latencyMilliseconds !== undefined && latencyMilliseconds !== null,
  );
  const now = points.at(-1);
  return (
    <Panel
      id="throughput"
      title="Throughput and latency"
      about="Records written a second, measured at the broker: texts come in, predictions follow at once, labels arrive later."
    >
      {now === undefined ? (
        <Empty>Measured once a second; the first figure comes in a moment.</Empty>
      ) : (
        <>
          <Now point={now} />
          <Rates points={points} />
          {latency ? <Latencies points={points} /> : <p class="quiet">Latency is drawn while texts are answered.</p>}
        </>
      )}
      <Backlog />
    </Panel>
  );
}

function Now({ point }: { point: Point }) {
  const latency = point.latencyMilliseconds ?? undefined;
  return (
    <dl class="figures">
      <Figure name="Texts" key_="key-line" value={`${rate(point.textsPerSecond)} /s`} />
      <Figure name="Predictions" key_="key-dashed" value={`${rate(point.predictionsPerSecond)} /s`} />
      <Figure name="Labels" key_="key-dotted" value={`${rate(point.labelsPerSecond)} /s`} />
      {latency === undefined ? null : (
        <>
          <Figure name="p50" key_="key-line" value={milliseconds(latency.p50)} />
          <Figure name="p99" key_="key-dashed" value={milliseconds(latency.p99)} />
        </>
      )}
    </dl>
  );
}

function Figure({ name, value, key_ }: { name: string; value: string; key_: string }) {
  return (
    <div>
      <dt>
        <span class={`key ${key_}`} aria-hidden="true" /> {name}
      </dt>
      <dd>{value}</dd>
    </div>
  );
}

function Rates({ points }: { points: readonly Point[] }) {
  const data = useMemo<uPlot.AlignedData>(
    () => [
      points.map(({ at }) => instant(at) / 1000),
      points.map(({ textsPerSecond }) => textsPerSecond),
      points.map(({ predictionsPerSecond }) => predictionsPerSecond),
      points.map(({ labelsPerSecond }) => labelsPerSecond),
    ],
    [points],
  );
  return (
    <Chart
      options={rateOptions}
      data={data}
      height={150}
      label="Texts, predictions and labels a second over the last minutes"
    />
  );
}

function Latencies({ points }: { points: readonly Point[] }) {
  const data = useMemo<uPlot.AlignedData>(
    () => [
      points.map(({ at }) => instant(at) / 1000),
      points.map(({ latencyMilliseconds }) => latencyMilliseconds?.p50 ?? null),
      points.map(({ latencyMilliseconds }) => latencyMilliseconds?.p99 ?? null),
    ],
    [points],
  );
  return (
    <Chart
      options={latencyOptions}
      data={data}
      height={110}
      label="Median and 99th percentile of the latency over the last minutes"
    />
  );
}

const wholeSteps = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5].map((power) => step * 10 ** power))
  .sort((a, b) => a - b);

function rateOptions(colours: Colours) {
  return options(colours, { show: rate, incrs: wholeSteps }, [
    { stroke: colours.tide, width: 2, fill: colours['tide-soft'], points: { show: false } },
    { stroke: colours.ink, width: 1.25, dash: [5, 4], points: { show: false } },
    { stroke: colours.label, width: 1.5, dash: [1.5, 3], points: { show: false } },
  ]);
}

function latencyOptions(colours: Colours) {
  return options(colours, { show: milliseconds }, [
    { stroke: colours.tide, width: 2, points: { show: false } },
    { stroke: colours.ink, width: 1.25, dash: [5, 4], points: { show: false } },
  ]);
}

function options(
  colours: Colours,
  { show, incrs }: { show: (value: number) => string; incrs?: number[] },
  series: uPlot.Series[],
): Omit<uPlot.Options, 'width' | 'height'> {
  return {
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true, range: xRange }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.15, 4)] } },
    axes: [
      axis(colours, { grid: { show: false }, space: 70, size: 24, values: clockTicks }),
      axis(colours, {
        size: 52,
        space: 34,
        values: (_plot, values) => values.map((value) => show(value)),
        ...(incrs === undefined ? {} : { incrs }),
      }),
    ],
    series: [{}, ...series],
  };
}

/** A minute at least, so that the first points do not stretch. */
function xRange({ data: [seconds] }: uPlot): uPlot.Range.MinMax {
  // Not what uPlot proposes: of a single point it knows no lower end.
  const [low = 0, high = low] = [seconds[0], seconds.at(-1)];
  return [Math.min(low, high - 60), high];
}

/** What has been written but not yet read, by who has to read it. */
function Backlog() {
  const lags = useSelected(({ status }) => status?.lags);
  if (lags === undefined) return null;
  const behind = Object.entries(lags).flatMap(([group, topics]) =>
    Object.entries(topics)
      .filter(([, lag]) => lag !== 0)
      .map(([topic, lag]) => `${group}: ${lag === null ? 'unknown' : count(lag)} ${topic}`),
  );
  return (
    <p class="quiet">
      {behind.length === 0 ? 'No backlog: everything written has been read.' : `Backlog: ${behind.join(' · ')}`}
    </p>
  );
}
