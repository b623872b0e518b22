import type { State } from './machine.js';
import type { Wording } from './texts.js';
/** What a user does in the notice. */
export interface Clicks {
    readonly refresh: () => void;
    readonly hard: () => void;
    readonly dismiss: () => void;
    readonly toggle: () => void;
    /** Null: there is no such button. */
    readonly logout: (() => void) | null;
    /** Copies the diagnostics; resolves with what has to be copied by hand, '' when nothing has. */
    readonly copy: () => Promise<string>;
}
export interface Contact {
    readonly text: string;
    readonly url?: string;
}
/** The notice on the page. */
export interface Panel {
    /** Shows a state; the first one is announced to screen readers as well. */
    render(state: State): void;
    /** Takes it off the page, and gives the focus back if it was inside. */
    remove(): void;
}
/** Builds the notice. Text goes in as text alone, and looks come from a constructed sheet: a strict policy allows both. */
export declare function createPanel(page: Document, { texts, lang, dir }: Wording, contact: Contact | null, placement: string, clicks: Clicks): Panel;
/** Whose keys a user presses: 0 Windows and Linux, 1 Mac, 2 Safari. */
export declare function platformOf({ platform, userAgent }: {
    readonly platform: string;
    readonly userAgent: string;
}): 0 | 1 | 2;
