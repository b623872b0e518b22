import {
  createManager,
  expose,
  installCompat
} from "./shared-MUZJWA4K.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  createManager,
  expose,
  installCompat
};
