import {
  createManager,
  expose,
  installCompat
} from "./shared-SWIJP3KZ.js";
import "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  createManager,
  expose,
  installCompat
};
