import { useCallback, useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { count, percent, windowName } from '../format.ts';
import { Badge, glyphOf, toneOf } from '../parts/badge.tsx';
import { axis, Chart, eventTicks } from '../parts/chart.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useDispatch, useSelected } from '../store.ts';
import type { Colours } from '../theme.ts';
import { chosenWindow, type Mark, marksOf, type TimeWindow, windowsOf } from '../time-line.ts';
import { gutter, MarkLanes, VerdictStrip } from './time-line-parts.tsx';
import { useWidth } from '../parts/use-width.ts';

/** Narrowest a window may become, in pixels; older ones are then left out. */
const narrowest = 11;

export function Quality() {
  const drift = useSelected((state) => state.drift);
  const performance = useSelected((state) => state.performance);
  const fired = useSelected((state) => state.fired);
  const chosenKey = useSelected((state) => state.window);
  const audit = useSelected((state) => state.audit);
  const model = useSelected((state) => state.model);
  const [frame, width] = useWidth();
  const all = useMemo(() => windowsOf(drift, performance), [drift, performance]);
  const most = Math.max(8, Math.floor((width - gutter.left - gutter.right) / narrowest));
  const windows = useMemo(() => all.slice(-most), [all, most]);
  const marks = useMemo(() => marksOf(windows, fired, audit), [windows, fired, audit]);
  return (
    <Panel
      id="quality"
      title="Accuracy and drift"
      about={
        'Texts are judged in windows of event time: the share answered right where labels have come (with its 95\u00a0% interval), what the model itself expects to get right, and whether the texts still look like those it knows.'
      }
      aside={<Legend />}
    >
      <div ref={frame}>
        {windows.length === 0 ? (
          <Empty command={`npx tidemill produce texts.jsonl --model ${model ?? 'NAME'}`}>
            No window has closed yet. A window needs a few hundred texts; send some:
          </Empty>
        ) : (
          <TimeLine
            windows={windows}
            marks={marks}
            chosen={chosenWindow(all, chosenKey)}
            hidden={all.length - windows.length}
            width={width}
          />
        )}
      </div>
    </Panel>
  );
}

const verdicts = ['collecting', 'stable', 'warning', 'drift'];

function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li>
        <span class="key key-line key-band" aria-hidden="true" /> observed, with interval
      </li>
      <li>
        <span class="key key-dashed" aria-hidden="true" /> expected
      </li>
      {verdicts.map((verdict) => (
        <li key={verdict}>
          <span class={`tone-${toneOf(verdict)}`} aria-hidden="true">
            {glyphOf(verdict)}
          </span>{' '}
          {verdict}
        </li>
      ))}
    </ul>
  );
}

interface TimeLineProps {
  windows: readonly TimeWindow[];
  marks: readonly Mark[];
  chosen: TimeWindow | undefined;
  hidden: number;
  width: number;
}

function TimeLine({ windows, marks, chosen, hidden, width }: TimeLineProps) {
  const dispatch = useDispatch();
  const [pointed, point] = useState<number | null>(null);
  const data = useMemo(() => columnsOf(windows), [windows]);
  const shown = (pointed === null ? undefined : windows[pointed - 1]) ?? chosen;
  const under = useCallback(
    (plot: uPlot, colours: Colours) => drawUnder(plot, { marks, chosen, colours }),
    [marks, chosen],
  );
  const choose = (key: string | undefined) => dispatch({ type: 'window', window: key });
  const last = windows.at(-1);
  return (
    <>
      {shown === undefined ? null : <Readout window={shown} />}
      <MarkLanes windows={windows} marks={marks} width={width} />
      <Chart
        options={chartOptions}
        data={data}
        height={220}
        label={`Accuracy over ${windows.length} windows${last === undefined ? '' : `; the newest is ${last.verdict}`}. The list below has every window.`}
        under={under}
        onPoint={point}
        onChoose={(index) => choose(windows[index - 1]?.key ?? chosen?.key)}
      />
      <VerdictStrip windows={windows} chosen={chosen?.key} onChoose={choose} />
      <p class="hint">
        <span>
          <kbd>←</kbd> <kbd>→</kbd> choose a window, <kbd>Esc</kbd> back to the newest that matters.
        </span>
        {hidden > 0 ? (
          <span>
            {count(hidden)} older windows: <code>npx tidemill drift {last?.drift?.model ?? 'NAME'}</code>
          </span>
        ) : null}
      </p>
    </>
  );
}

function Readout({ window }: { window: TimeWindow }) {
  const { start, end, verdict, version, accuracy, expected, labelled, texts } = window;
  return (
    <p class="readout">
      <b>{windowName(start, end)}</b>
      <Badge state={verdict} />
      <span>
        observed{' '}
        {accuracy === null ? (
          'no labels yet'
        ) : (
          <>
            <b>{percent(accuracy.value)}</b> ({percent(accuracy.lower)} – {percent(accuracy.upper)})
          </>
        )}
      </span>
      <span>
        expected <b>{percent(expected)}</b>
      </span>
      <span>
        {count(labelled)} of {count(texts)} labelled
      </span>
      <span>v{version}</span>
    </p>
  );
}

/**
 * Seconds; upper and lower bound, expected, observed. An empty point before and after lets the axis span whole windows,
 * as the strip below does.
 */
function columnsOf(windows: readonly TimeWindow[]): uPlot.AlignedData {
  const first = windows[0]?.start ?? 0;
  const last = windows.at(-1)?.end ?? first;
  const column = (of: (window: TimeWindow) => number | undefined) => [
    null,
    ...windows.map((window) => of(window) ?? null),
    null,
  ];
  return [
    [first / 1000, ...windows.map(({ start, end }) => (start + end) / 2000), last / 1000],
    column(({ accuracy }) => accuracy?.upper),
    column(({ accuracy }) => accuracy?.lower),
    column(({ expected }) => expected),
    column(({ accuracy }) => accuracy?.value),
  ];
}

function chartOptions(colours: Colours): Omit<uPlot.Options, 'width' | 'height'> {
  const { tide, label } = colours;
  const points = { show: true, size: 6, fill: tide, stroke: tide };
  return {
    padding: [8, gutter.right, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: { x: { time: true, range: xRange }, y: { range: yRange } },
    axes: [
      axis(colours, { grid: { show: false }, size: 24, space: 64, values: eventTicks }),
      axis(colours, {
        size: gutter.left,
        values: (_plot, values) => values.map((value) => `${Math.round(value * 100)} %`),
        splits: (_plot, _axis, low, high) => splits(low, high),
      }),
    ],
    series: [
      {},
      { stroke: 'transparent', points: { show: false } },
      { stroke: 'transparent', points: { show: false } },
      { stroke: label, width: 1.5, dash: [5, 4], points: { show: false }, spanGaps: true },
      { stroke: tide, width: 2.25, points, spanGaps: true },
    ],
    bands: [{ series: [1, 2], fill: colours['tide-soft'] }],
  };
}

function xRange({ data: [seconds] }: uPlot): uPlot.Range.MinMax {
  return [seconds[0] ?? 0, seconds.at(-1) ?? 0];
}

function yRange(plot: uPlot): uPlot.Range.MinMax {
  let low = 1;
  for (const column of plot.data.slice(2))
    for (const value of column) if (typeof value === 'number') low = Math.min(low, value);
  return [Math.max(0, Math.floor(low * 10 - 0.2) / 10), 1.005];
}

function splits(low: number, high: number): number[] {
  const step = high - low > 0.55 ? 0.2 : 0.1;
  const first = Math.ceil(low / step - 1e-6);
  return Array.from({ length: Math.floor(high / step + 1e-6) - first + 1 }, (_, i) => (first + i) * step);
}

const markColours = { drift: 'drift', retraining: 'label', swap: 'tide', rollback: 'warn', refused: 'drift' } as const;

/** The chosen window, and a line for each event. */
function drawUnder(
  plot: uPlot,
  { marks, chosen, colours }: { marks: readonly Mark[]; chosen: TimeWindow | undefined; colours: Colours },
): void {
  const { ctx, bbox } = plot;
  const x = (time: number) => plot.valToPos(time / 1000, 'x', true);
  ctx.save();
  if (chosen !== undefined) {
    ctx.fillStyle = colours.chosen;
    const left = x(chosen.start);
    ctx.fillRect(left, bbox.top, x(chosen.end) - left, bbox.height);
  }
  ctx.lineWidth = devicePixelRatio;
  for (const { at, kind } of marks) {
    ctx.strokeStyle = colours[markColours[kind]];
    ctx.setLineDash(kind === 'swap' || kind === 'rollback' ? [] : [2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x(at), bbox.top);
    ctx.lineTo(x(at), bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
