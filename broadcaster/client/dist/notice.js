import {
  mountNotice
} from "./shared-CZVP26H2.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
