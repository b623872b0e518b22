/** keyturn for React 18 and later: a provider and two hooks. */
import type { ReactElement, ReactNode } from 'react';
import type { Keyturn, Status } from './keyturn.js';
/** Gives the components below it a client, made once and outside of them: `const keyturn = createKeyturn(…)`. */
export declare function KeyturnProvider({ keyturn, children }: {
    readonly keyturn: Keyturn;
    readonly children?: ReactNode;
}): ReactElement;
/** The client: `const { fetch } = useKeyturn()`. Never renders anew by itself. Throws outside of a provider. */
export declare function useKeyturn(): Keyturn;
/** What is going on, without a secret; renders anew when that changes. With select only what it picks counts, by `Object.is`. */
export declare function useKeyturnStatus(): Status;
export declare function useKeyturnStatus<T>(select: (status: Status) => T): T;
