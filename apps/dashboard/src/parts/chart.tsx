import { useContext, useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { createContext } from 'preact';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock, tick } from '../format.ts';
import { type Colours, resolvedColours, type Theme } from '../theme.ts';

export const ThemeContext = createContext<Theme>('light');

export interface ChartProps {
  /** Stays the same function as long as the chart is the same one. */
  options: (colours: Colours) => Omit<uPlot.Options, 'width' | 'height'>;
  data: uPlot.AlignedData;
  height: number;
  /** What the picture says, for who does not see it. */
  label: string;
  /** Drawn under the series, each time. */
  under?: (plot: uPlot, colours: Colours) => void;
  /** Index of the point under the pointer. */
  onPoint?: (index: number | null) => void;
  onChoose?: (index: number) => void;
}

/** A uPlot chart that follows its container's width and the theme. */
export function Chart(props: ChartProps) {
  const { options, data, height, label } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const theme = useContext(ThemeContext);

  useLayoutEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const colours = resolvedColours();
    const made = new uPlot(
      {
        ...options(colours),
        width: Math.max(element.clientWidth, 100),
        height,
        hooks: {
          drawClear: [(self) => latest.current.under?.(self, colours)],
          setCursor: [(self) => latest.current.onPoint?.(self.cursor.idx ?? null)],
        },
      },
      latest.current.data,
      element,
    );
    const choose = () => {
      const { idx } = made.cursor;
      if (typeof idx === 'number') latest.current.onChoose?.(idx);
    };
    made.over.addEventListener('click', choose);
    const resize = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    resize.observe(element);
    plot.current = made;
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [options, height, theme]);

  useEffect(() => plot.current?.setData(data), [data, props.under]);

  return <div ref={holder} class="chart" role="img" aria-label={label} style={{ height: `${height}px` }} />;
}

/** Ticks of event time, UTC: the day where one begins. */
export function eventTicks(_plot: uPlot, seconds: number[]): string[] {
  return seconds.map((second) => tick(second * 1000));
}

/** Ticks on the reader's clock. */
export function clockTicks(_plot: uPlot, seconds: number[]): string[] {
  return seconds.map((second) => clock(second * 1000, second * 1000));
}

/** Axes alike in all charts. */
export function axis({ muted, rule }: Colours, more: uPlot.Axis): uPlot.Axis {
  const font = '11px system-ui, sans-serif';
  return { stroke: muted, font, grid: { stroke: rule, width: 1 }, ticks: { show: false }, ...more };
}
