/** Makes an element of these properties; part is its class, and its name for an app's own `::part()`. */
export type Make = <K extends keyof HTMLElementTagNameMap>(name: K, part: string, props: Partial<HTMLElementTagNameMap[K]>, ...inner: (Node | string)[]) => HTMLElementTagNameMap[K];
/** Screen readers announce what is put into a region that is there already; so long they need to notice the region, in ms. */
export declare const settleMs = 100;
/** An element on the page that is left alone by the page's styles, and leaves its policy alone: looks come from a constructed sheet. */
export interface Shadow {
    readonly host: HTMLElement;
    readonly root: ShadowRoot;
    readonly make: Make;
    /** Regions that are read aloud, at once and in turn. */
    readonly alert: HTMLElement;
    readonly status: HTMLElement;
}
/** Builds such an element, which is not on the page yet; more: the rest of its style. */
export declare function createShadow(page: Document, tag: string, more: string, lang: string, dir: string): Shadow;
