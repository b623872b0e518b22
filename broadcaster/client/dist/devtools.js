import {
  createManager,
  expose,
  installCompat
} from "./shared-T2RHVKQM.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  createManager,
  expose,
  installCompat
};
