import { useLayoutEffect, useRef } from 'preact/hooks';
import { eventTime, windowName } from '../format.ts';
import { textSides } from '../mark-lanes.ts';
import { glyphOf, toneOf } from '../parts/badge.tsx';
import { type Mark, type MarkKind, type TimeWindow, windowSentence } from '../time-line.ts';

/** Pixels beside the chart's own area; marks and windows keep to the same. */
export const gutter = { left: 48, right: 20 };

const laneOf: Readonly<Record<MarkKind, number>> = { drift: 0, retraining: 1, refused: 2, swap: 2, rollback: 2 };
const markGlyphs: Readonly<Record<MarkKind, string>> = {
  drift: '▲',
  retraining: '⟳',
  swap: '⇄',
  rollback: '↩',
  refused: '✕',
};

interface LanesProps {
  windows: readonly TimeWindow[];
  marks: readonly Mark[];
  /** Of the time line with its gutters, in pixels. */
  width: number;
}

/** What happened, above the chart at its time; one lane a kind, so that the texts of one moment do not collide. */
export function MarkLanes({ windows, marks, width }: LanesProps) {
  const place = placeOf(windows);
  const placed = marks.map((mark) => ({ mark, text: mark.text, left: place(mark.at), lane: laneOf[mark.kind] }));
  const sides = new Map(
    [0, 1, 2].flatMap((lane) => {
      const together = placed.filter((one) => one.lane === lane);
      const found = textSides(together, width - gutter.left - gutter.right);
      return together.map(({ mark }, i) => [mark, found[i]] as const);
    }),
  );
  return (
    <ul class="marks" aria-label="Events" style={{ marginLeft: `${gutter.left}px`, marginRight: `${gutter.right}px` }}>
      {placed.map(({ mark, left, lane }) => (
        <li
          key={`${mark.kind}${mark.at}${mark.text}`}
          class={`mark-${mark.kind} ${sides.get(mark) === 'left' ? 'mark-left' : ''}`}
          style={{ left: `${left * 100}%`, top: `${lane * 18}px` }}
          title={`${eventTime(mark.at)} UTC: ${mark.text}. ${mark.detail}`}
        >
          <span class="mark-glyph" aria-hidden="true">
            {markGlyphs[mark.kind]}
          </span>
          <span class={sides.get(mark) === 'none' ? 'unseen' : 'mark-text'}>{mark.text}</span>
          <span class="unseen">
            , {eventTime(mark.at)} UTC. {mark.detail}
          </span>
        </li>
      ))}
    </ul>
  );
}

interface StripProps {
  windows: readonly TimeWindow[];
  chosen: string | undefined;
  onChoose: (key: string | undefined) => void;
}

/** One cell a window with its verdict: a list box, so that arrow keys choose. */
export function VerdictStrip({ windows, chosen, onChoose }: StripProps) {
  const list = useRef<HTMLUListElement>(null);
  const place = placeOf(windows);
  const index = windows.findIndex(({ key }) => key === chosen);
  useLayoutEffect(() => {
    const focused = document.activeElement;
    // The focus goes along with the choice, but is not taken from elsewhere.
    if (focused instanceof HTMLElement && list.current?.contains(focused) === true)
      list.current.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
  }, [chosen]);
  const onKeyDown = (event: KeyboardEvent) => {
    const target = targetOf(event.key, index, windows.length);
    if (target === undefined) return;
    event.preventDefault();
    onChoose(target === null ? undefined : windows[target]?.key);
  };
  return (
    <ul
      class="strip"
      role="listbox"
      aria-orientation="horizontal"
      aria-label="Windows, oldest first"
      ref={list}
      style={{ marginLeft: `${gutter.left}px`, marginRight: `${gutter.right}px` }}
      onKeyDown={onKeyDown}
    >
      {windows.map((window, i) => {
        const { key, start, end, verdict } = window;
        const name = windowName(start, end);
        return (
          <li
            key={key}
            role="option"
            class={`cell tone-${toneOf(verdict)}`}
            aria-selected={key === chosen}
            aria-label={windowSentence(name, window)}
            tabIndex={i === Math.max(index, 0) ? 0 : -1}
            title={`${name}: ${verdict}`}
            data-verdict={verdict}
            style={{ left: `${place(start) * 100}%`, width: `${(place(end) - place(start)) * 100}%` }}
            onClick={() => onChoose(key)}
          >
            <span aria-hidden="true">{glyphOf(verdict)}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** Index that a key leads to; null: back to the default; undefined: the key means nothing here. */
function targetOf(key: string, index: number, length: number): number | null | undefined {
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, index - 1);
    case 'ArrowRight':
      return Math.min(length - 1, index + 1);
    case 'Home':
      return 0;
    case 'End':
      return length - 1;
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}

/** Where a time lies, from 0 to 1. */
function placeOf(windows: readonly TimeWindow[]): (time: number) => number {
  const first = windows[0]?.start ?? 0;
  const last = windows.at(-1)?.end ?? first + 1;
  return (time) => (time - first) / (last - first);
}
