import type { ClickHouse } from '#libs/clickhouse';
import { type Page, type PageRequest, type ReportListName, reportPage } from './report-lists.ts';

/** The lists of ClickHouse, for the controller. */
export class Reports {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  page(name: ReportListName, request: PageRequest): Promise<Page> {
    return reportPage(this.#clickhouse, name, request);
  }
}
