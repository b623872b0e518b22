import {
  mountNotice
} from "./shared-E7QGNSB4.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
