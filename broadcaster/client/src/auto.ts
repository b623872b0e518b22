import { start } from './tag'

/** The script for the tag. Beside the dev build the only module with a side effect: it starts. */
start()
