import {
  createManager,
  expose,
  installCompat
} from "./shared-LCYG6PTQ.js";
import "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  createManager,
  expose,
  installCompat
};
